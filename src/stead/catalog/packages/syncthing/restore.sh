#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup syncthing.tar
tar -tf "$BACKUP/syncthing.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping Syncthing"
service stop syncthing || fail 3 "Syncthing does not stop"
progress 30 "Copying"
find /var/lib/syncthing -mindepth 1 -delete
tar -C /var/lib/syncthing -xf "$BACKUP/syncthing.tar"
chown -R syncthing:syncthing /var/lib/syncthing
# Whoever restores may sign in with the password that this installation was given.
./install.sh
