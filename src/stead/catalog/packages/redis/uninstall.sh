#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping redis"
if is_installed redis-server; then service stop redis-server || true; fi
progress 40 "Removing packages and data"
remove_packages redis-server redis-tools
remove_data redis-server /etc/redis /var/lib/redis
progress 100 "Done"
