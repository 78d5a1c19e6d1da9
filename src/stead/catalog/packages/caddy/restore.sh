#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup files.tar
tar -tf "$BACKUP/files.tar" >/dev/null || fail 1 "the backup is damaged"
find /srv/caddy -mindepth 1 -delete
tar -C /srv/caddy -xf "$BACKUP/files.tar"
progress 100 "Restored"
