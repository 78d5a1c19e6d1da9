#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup wiki.tar settings.tar
for name in wiki settings; do
    tar -tf "$BACKUP/$name.tar" >/dev/null || fail 1 "the backup is damaged"
done
progress 10 "Restoring pages and people"
find /var/lib/dokuwiki/data /var/lib/dokuwiki/acl -mindepth 1 -delete
tar -C /var/lib/dokuwiki -xf "$BACKUP/wiki.tar"
tar -C /etc/dokuwiki -xf "$BACKUP/settings.tar"
# Whoever restores may sign in with the password that this installation was given.
./install.sh
