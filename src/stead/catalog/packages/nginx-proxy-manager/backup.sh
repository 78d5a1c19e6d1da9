#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
# A stopped one changes no file; it is away for as long as the copy takes.
progress 10 "Stopping the proxy"
trap 'service start nginx-proxy-manager' EXIT
service stop nginx-proxy-manager || fail 3 "the proxy does not stop"
progress 30 "Copying"
tar -C /var/lib/nginx-proxy-manager -cf "$BACKUP/proxy.tar" .
service start nginx-proxy-manager || fail 3 "the proxy does not start again"
trap - EXIT
wait_for 120 ./check.sh || fail 3 "the proxy does not answer"
progress 100 "Backed up"
