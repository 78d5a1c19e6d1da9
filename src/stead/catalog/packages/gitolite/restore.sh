#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup gitolite.tar host-keys.tar
tar -tf "$BACKUP/gitolite.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping SSH"
service stop ssh || fail 3 "SSH does not stop"
progress 30 "Restoring repositories"
find /var/lib/gitolite -mindepth 1 -delete
tar -C /var/lib/gitolite -xf "$BACKUP/gitolite.tar"
chown -R git:git /var/lib/gitolite
tar -C /etc/ssh -xf "$BACKUP/host-keys.tar"
# Whoever restores gets in with the key that this installation was given.
./install.sh
