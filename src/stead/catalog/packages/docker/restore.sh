#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup volumes
while read -r name; do
    need_backup "$name.tar"
    tar -tf "$BACKUP/$name.tar" >/dev/null || fail 1 "the copy of $name is damaged"
done <"$BACKUP/volumes"
while read -r name; do
    progress 50 "Restoring the volume $name"
    docker volume create "$name" >/dev/null || fail 2 "the volume $name cannot be made"
    folder=$(docker volume inspect -f '{{.Mountpoint}}' "$name")
    find "$folder" -mindepth 1 -delete
    tar -C "$folder" --numeric-owner -xf "$BACKUP/$name.tar"
done <"$BACKUP/volumes"
progress 100 "Restored"
