#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one changes no file; it is away for as long as the copy takes.
progress 10 "Stopping Home Assistant"
trap 'service start home-assistant' EXIT
service stop home-assistant || fail 3 "Home Assistant does not stop"
progress 30 "Copying"
tar -C /var/lib/home-assistant -cf "$BACKUP/home-assistant.tar" .
service start home-assistant || fail 3 "Home Assistant does not start again"
trap - EXIT
wait_for 600 ./check.sh || fail 3 "Home Assistant does not answer"
progress 100 "Backed up"
