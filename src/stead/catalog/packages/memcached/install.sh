#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ ${MEMORY_MB:-} =~ ^[0-9]+$ && ${MAX_CONNECTIONS:-} =~ ^[0-9]+$ ]] || fail 1 "both settings are numbers"

# Only TCP: its UDP could be used to flood others.
settings() {
    cat <<CONF
-d
-u memcache
-P /var/run/memcached/memcached.pid
-l 0.0.0.0
-p 11211
-U 0
-m $MEMORY_MB
-c $MAX_CONNECTIONS
CONF
}

progress 10 "Installing memcached"
install_packages memcached

progress 80 "Writing the configuration"
changed=false
if settings | write_file /etc/memcached.conf 0644 root:root; then changed=true; fi

progress 90 "Starting memcached"
if [ $changed = true ] || ! service_runs memcached; then
    service restart memcached || fail 3 "memcached does not start"
fi
wait_for 20 ./check.sh || fail 3 "memcached does not answer"
progress 100 "Done"
