#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup home-assistant.tar
tar -tf "$BACKUP/home-assistant.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Home Assistant"
service stop home-assistant || fail 3 "Home Assistant does not stop"
progress 30 "Copying"
find /var/lib/home-assistant -mindepth 1 -delete
tar -C /var/lib/home-assistant -xf "$BACKUP/home-assistant.tar"
chown -R home-assistant:home-assistant /var/lib/home-assistant
progress 70 "Starting Home Assistant"
service start home-assistant || fail 3 "Home Assistant does not start"
wait_for 600 ./check.sh || fail 3 "Home Assistant does not answer, or the backup's owner has another password"
progress 100 "Restored"
