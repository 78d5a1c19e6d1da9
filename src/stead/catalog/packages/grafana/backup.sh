#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one changes no file; it is away for as long as the copy takes.
progress 10 "Stopping Grafana"
trap 'service start grafana' EXIT
service stop grafana || fail 3 "Grafana does not stop"
progress 30 "Copying"
tar -C /var/lib/grafana -cf "$BACKUP/grafana.tar" .
service start grafana || fail 3 "Grafana does not start again"
trap - EXIT
wait_for 90 ./check.sh || fail 3 "Grafana does not answer"
progress 100 "Backed up"
