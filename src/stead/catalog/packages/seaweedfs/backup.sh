#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one changes no file; it is away for as long as the copy takes.
progress 10 "Stopping SeaweedFS"
trap 'service start seaweedfs' EXIT
service stop seaweedfs || fail 3 "SeaweedFS does not stop"
progress 30 "Copying objects"
tar -C /var/lib/seaweedfs --sparse -cf "$BACKUP/objects.tar" .
service start seaweedfs || fail 3 "SeaweedFS does not start again"
trap - EXIT
wait_for 90 ./check.sh || fail 3 "SeaweedFS does not answer"
progress 100 "Backed up"
