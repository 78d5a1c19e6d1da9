#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly DATA=/var/lib/prometheus/alertmanager

need_backup data.tar
tar -tf "$BACKUP/data.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Alertmanager"
service stop prometheus-alertmanager || fail 3 "Alertmanager does not stop"
progress 30 "Copying"
find $DATA -mindepth 1 -delete
tar -C $DATA -xf "$BACKUP/data.tar"
chown -R prometheus:prometheus $DATA
progress 80 "Starting Alertmanager"
service start prometheus-alertmanager || fail 3 "Alertmanager does not start"
wait_for 30 ./check.sh || fail 3 "Alertmanager does not answer"
progress 100 "Restored"
