#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup verdaccio.tar
tar -tf "$BACKUP/verdaccio.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Verdaccio"
service stop verdaccio || fail 3 "Verdaccio does not stop"
progress 30 "Copying"
find /var/lib/verdaccio -mindepth 1 -delete
tar -C /var/lib/verdaccio -xf "$BACKUP/verdaccio.tar"
chown -R verdaccio:verdaccio /var/lib/verdaccio
progress 60 "Starting Verdaccio"
service start verdaccio || fail 3 "Verdaccio does not start"
wait_for 90 ./check.sh || fail 3 "Verdaccio does not answer"
progress 100 "Restored"
