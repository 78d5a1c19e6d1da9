#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup rabbitmq.tar
tar -tf "$BACKUP/rabbitmq.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping RabbitMQ"
service stop rabbitmq-server || fail 3 "RabbitMQ does not stop"
progress 40 "Copying"
rm -rf /var/lib/rabbitmq/mnesia
tar -C /var/lib/rabbitmq -xf "$BACKUP/rabbitmq.tar"
chown -R rabbitmq:rabbitmq /var/lib/rabbitmq/mnesia
progress 70 "Starting RabbitMQ"
service start rabbitmq-server || fail 3 "RabbitMQ does not start"
wait_for 120 ./check.sh || fail 3 "RabbitMQ does not answer"
progress 100 "Restored"
