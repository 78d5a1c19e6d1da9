#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup objects.tar
tar -tf "$BACKUP/objects.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping SeaweedFS"
service stop seaweedfs || fail 3 "SeaweedFS does not stop"
progress 30 "Copying objects"
find /var/lib/seaweedfs -mindepth 1 -delete
tar -C /var/lib/seaweedfs -xf "$BACKUP/objects.tar"
chown -R seaweedfs:seaweedfs /var/lib/seaweedfs
# Makes the bucket of this installation, should the backup have none of its name.
./install.sh
