#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup messages.tar
tar -tf "$BACKUP/messages.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping NATS"
service stop nats-server || fail 3 "NATS does not stop"
progress 30 "Copying"
find /var/lib/nats -mindepth 1 -delete
tar -C /var/lib/nats -xf "$BACKUP/messages.tar"
chown -R nats:nats /var/lib/nats
progress 80 "Starting NATS"
service start nats-server || fail 3 "NATS does not start"
wait_for 30 ./check.sh || fail 3 "NATS does not answer"
progress 100 "Restored"
