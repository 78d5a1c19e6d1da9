#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

need_backup nextcloud.tar
tar -tf "$BACKUP/nextcloud.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Closing Nextcloud"
php=$(php_fpm)
service stop "$php" || fail 3 "PHP does not stop"
progress 20 "Copying"
find $DATA -mindepth 1 -delete
tar -C $DATA -xf "$BACKUP/nextcloud.tar"
chown -R www-data:www-data $DATA
occ maintenance:mode --off >/dev/null || fail 3 "Nextcloud cannot be opened"
# Whoever restores may sign in with the password that this installation was given.
./install.sh
