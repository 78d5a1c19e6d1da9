#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup gitea.tar keys.tar
tar -tf "$BACKUP/gitea.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Gitea"
service stop gitea || fail 3 "Gitea does not stop"
progress 30 "Copying"
find /var/lib/gitea -mindepth 1 -delete
tar -C /var/lib/gitea -xf "$BACKUP/gitea.tar"
tar -C /etc/gitea -xf "$BACKUP/keys.tar"
chown root:gitea /etc/gitea/secret_key /etc/gitea/internal_token
chown -R gitea:gitea /var/lib/gitea
# Whoever restores may sign in with the password that this installation was given.
./install.sh
