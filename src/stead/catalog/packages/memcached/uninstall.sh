#!/bin/bash
set -euo pipefail
. ./stead.sh

progress 10 "Stopping memcached"
if is_installed memcached; then service stop memcached || true; fi
progress 40 "Removing packages"
remove_packages memcached
remove_data memcached /etc/memcached.conf /run/memcached
is_installed memcached || remove_account memcache
progress 100 "Done"
