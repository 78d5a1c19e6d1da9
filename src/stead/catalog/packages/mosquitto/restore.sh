#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup data.tar
tar -tf "$BACKUP/data.tar" >/dev/null || fail 1 "the backup is damaged"
service stop mosquitto || fail 3 "Mosquitto does not stop"
find /var/lib/mosquitto -mindepth 1 -delete
tar -C /var/lib/mosquitto -xf "$BACKUP/data.tar"
chown -R mosquitto: /var/lib/mosquitto
service start mosquitto || fail 3 "Mosquitto does not start"
wait_for 20 ./check.sh || fail 3 "Mosquitto does not answer"
progress 100 "Restored"
