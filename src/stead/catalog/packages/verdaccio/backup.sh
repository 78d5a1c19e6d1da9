#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one changes no file; it is away for as long as the copy takes.
progress 10 "Stopping Verdaccio"
trap 'service start verdaccio' EXIT
service stop verdaccio || fail 3 "Verdaccio does not stop"
progress 30 "Copying packages"
tar -C /var/lib/verdaccio -cf "$BACKUP/verdaccio.tar" storage
service start verdaccio || fail 3 "Verdaccio does not start again"
trap - EXIT
wait_for 90 ./check.sh || fail 3 "Verdaccio does not answer"
progress 100 "Backed up"
