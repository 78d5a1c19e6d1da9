#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

need_backup wordpress.sql content.tar
[[ $(tail -n 1 "$BACKUP/wordpress.sql") == "-- Dump completed"* ]] || fail 1 "the database's copy is cut off"
tar -tf "$BACKUP/content.tar" >/dev/null || fail 1 "the files' copy is damaged"
progress 10 "Restoring files"
find $CONTENT -mindepth 1 -delete
tar -C $CONTENT -xf "$BACKUP/content.tar"
progress 40 "Restoring the database"
sql <"$BACKUP/wordpress.sql" || fail 2 "the database cannot be restored"
# Whoever restores may sign in with the password that this installation was given.
./install.sh
