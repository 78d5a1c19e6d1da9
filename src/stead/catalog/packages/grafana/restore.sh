#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup grafana.tar
tar -tf "$BACKUP/grafana.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Grafana"
service stop grafana || fail 3 "Grafana does not stop"
progress 30 "Copying"
find /var/lib/grafana -mindepth 1 -delete
tar -C /var/lib/grafana -xf "$BACKUP/grafana.tar"
chown -R grafana:grafana /var/lib/grafana
# Whoever restores may sign in with the password that this installation was given.
./install.sh
