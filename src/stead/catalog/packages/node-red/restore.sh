#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup node-red.tar
tar -tf "$BACKUP/node-red.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Node-RED"
service stop node-red || fail 3 "Node-RED does not stop"
progress 30 "Copying"
find /var/lib/node-red -mindepth 1 -delete
tar -C /var/lib/node-red -xf "$BACKUP/node-red.tar"
chown -R node-red:node-red /var/lib/node-red
progress 60 "Starting Node-RED"
service start node-red || fail 3 "Node-RED does not start"
wait_for 90 ./check.sh || fail 3 "Node-RED does not answer"
progress 100 "Restored"
