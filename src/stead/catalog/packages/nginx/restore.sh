#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup www.tar
tar -tf "$BACKUP/www.tar" >/dev/null || fail 1 "the backup is damaged"
find /srv/www -mindepth 1 -delete
tar -C /srv/www -xf "$BACKUP/www.tar"
progress 100 "Restored"
