#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped server has written everything; it is away for as long as the copy takes.
progress 10 "Stopping Prometheus"
trap 'service start prometheus' EXIT
service stop prometheus || fail 3 "Prometheus does not stop"
progress 30 "Copying"
tar -C /var/lib/prometheus/metrics2 -cf "$BACKUP/metrics.tar" --exclude=./lock --exclude=./queries.active .
tar -C /etc/prometheus -cf "$BACKUP/settings.tar" targets rules
service start prometheus || fail 3 "Prometheus does not start again"
trap - EXIT
wait_for 60 ./check.sh || fail 3 "Prometheus does not answer"
progress 100 "Backed up"
