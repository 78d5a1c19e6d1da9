#!/bin/bash
set -euo pipefail
. ./stead.sh

# Volumes are what containers keep; images come from where they came from. Containers that write
# into a volume are held for as long as it is copied.
begin_backup
mapfile -t running < <(docker ps -q)
[ ${#running[@]} -eq 0 ] || docker pause "${running[@]}" >/dev/null
trap '[ ${#running[@]} -eq 0 ] || docker unpause "${running[@]}" >/dev/null' EXIT
progress 20 "Copying volumes"
docker volume ls -q >"$BACKUP/volumes"
while read -r name; do
    folder=$(docker volume inspect -f '{{.Mountpoint}}' "$name")
    tar -C "$folder" --numeric-owner -cf "$BACKUP/$name.tar" . || fail 2 "the volume $name cannot be copied"
done <"$BACKUP/volumes"
progress 100 "Backed up"
