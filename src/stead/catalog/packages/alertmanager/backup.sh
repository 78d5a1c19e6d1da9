#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one has written everything; it is away for as long as the copy takes.
progress 10 "Stopping Alertmanager"
trap 'service start prometheus-alertmanager' EXIT
service stop prometheus-alertmanager || fail 3 "Alertmanager does not stop"
progress 30 "Copying"
tar -C /var/lib/prometheus/alertmanager -cf "$BACKUP/data.tar" .
service start prometheus-alertmanager || fail 3 "Alertmanager does not start again"
trap - EXIT
wait_for 30 ./check.sh || fail 3 "Alertmanager does not answer"
progress 100 "Backed up"
