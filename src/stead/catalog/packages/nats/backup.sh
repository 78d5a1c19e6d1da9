#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped server has written everything; it is away for as long as the copy takes.
progress 10 "Stopping NATS"
trap 'service start nats-server' EXIT
service stop nats-server || fail 3 "NATS does not stop"
progress 30 "Copying"
tar -C /var/lib/nats -cf "$BACKUP/messages.tar" .
service start nats-server || fail 3 "NATS does not start again"
trap - EXIT
wait_for 30 ./check.sh || fail 3 "NATS does not answer"
progress 100 "Backed up"
