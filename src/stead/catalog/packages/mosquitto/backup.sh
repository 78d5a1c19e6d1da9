#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped broker has written everything; it is away for as long as the copy takes.
trap 'service start mosquitto' EXIT
service stop mosquitto || fail 3 "Mosquitto does not stop"
tar -C /var/lib/mosquitto -cf "$BACKUP/data.tar" .
service start mosquitto || fail 3 "Mosquitto does not start again"
trap - EXIT
wait_for 20 ./check.sh || fail 3 "Mosquitto does not answer"
progress 100 "Backed up"
