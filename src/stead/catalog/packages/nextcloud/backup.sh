#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

begin_backup
# Nobody can change anything for as long as the copy takes.
progress 10 "Closing Nextcloud"
trap 'occ maintenance:mode --off >/dev/null' EXIT
occ maintenance:mode --on >/dev/null || fail 3 "Nextcloud cannot be closed"
progress 20 "Copying"
tar -C $DATA -cf "$BACKUP/nextcloud.tar" .
progress 100 "Backed up"
