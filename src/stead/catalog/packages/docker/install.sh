#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ ${LOG_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest log is a number of MiB"
[[ ${MIRROR:-} =~ ^(https?://[A-Za-z0-9.:-]+)?$ ]] || fail 1 "the mirror is an address"

settings() {
    local mirrors='[]'
    [ -z "${MIRROR:-}" ] || mirrors="[\"$MIRROR\"]"
    cat <<JSON
{
  "live-restore": true,
  "icc": false,
  "userland-proxy": false,
  "log-driver": "json-file",
  "log-opts": {"max-size": "${LOG_MB}m", "max-file": "3"},
  "registry-mirrors": $mirrors
}
JSON
}

# Where a container may hold no containers, dockerd says so only in its log.
answers() { timeout 10 docker info >/dev/null 2>&1; }

progress 5 "Installing Docker"
install_packages docker.io iptables

progress 70 "Writing the configuration"
install -d -m 0755 /etc/docker
changed=false
if settings | write_file /etc/docker/daemon.json 0644 root:root; then changed=true; fi

progress 80 "Starting Docker"
if [ $changed = true ] || ! service_runs docker; then
    # The socket would start it by itself, again and again.
    service start docker.socket || true
    service restart docker || fail 3 "Docker does not start; are nested containers allowed here?"
fi
wait_for 60 answers || fail 3 "Docker does not answer"
wait_for 20 ./check.sh || fail 3 "Docker does not answer as it should"
progress 100 "Done"
