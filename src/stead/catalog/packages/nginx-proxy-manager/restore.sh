#!/bin/bash
set -euo pipefail
. ./stead.sh

need_backup proxy.tar
tar -tf "$BACKUP/proxy.tar" >/dev/null || fail 1 "the backup is damaged"
progress 10 "Stopping the proxy"
service stop nginx-proxy-manager || fail 3 "the proxy does not stop"
progress 30 "Copying"
find /var/lib/nginx-proxy-manager -mindepth 1 -delete
tar -C /var/lib/nginx-proxy-manager -xf "$BACKUP/proxy.tar"
progress 70 "Starting the proxy"
service start nginx-proxy-manager || fail 3 "the proxy does not start"
wait_for 120 ./check.sh || fail 3 "the proxy does not answer"
progress 100 "Restored"
