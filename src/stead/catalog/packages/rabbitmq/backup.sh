#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped broker has written everything; it is away for as long as the copy takes.
progress 10 "Stopping RabbitMQ"
trap 'service start rabbitmq-server' EXIT
service stop rabbitmq-server || fail 3 "RabbitMQ does not stop"
progress 40 "Copying"
tar -C /var/lib/rabbitmq -cf "$BACKUP/rabbitmq.tar" mnesia
service start rabbitmq-server || fail 3 "RabbitMQ does not start again"
trap - EXIT
wait_for 120 ./check.sh || fail 3 "RabbitMQ does not answer"
progress 100 "Backed up"
