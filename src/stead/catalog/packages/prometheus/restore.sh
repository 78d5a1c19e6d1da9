#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly DATA=/var/lib/prometheus/metrics2

need_backup metrics.tar settings.tar
tar -tf "$BACKUP/metrics.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Prometheus"
service stop prometheus || fail 3 "Prometheus does not stop"
progress 30 "Copying"
find $DATA -mindepth 1 -delete
tar -C $DATA -xf "$BACKUP/metrics.tar"
chown -R prometheus:prometheus $DATA
tar -C /etc/prometheus -xf "$BACKUP/settings.tar"
progress 80 "Starting Prometheus"
service start prometheus || fail 3 "Prometheus does not start"
wait_for 60 ./check.sh || fail 3 "Prometheus does not answer"
progress 100 "Restored"
