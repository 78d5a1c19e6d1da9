#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly UNIT=prometheus-node-exporter
readonly DROP_IN=/etc/systemd/system/$UNIT.service.d/stead.conf

allowed='^[A-Za-z0-9_.*?|()^$-]*$'
[[ ${IGNORED_FILESYSTEMS:-} =~ $allowed ]] || fail 1 "the expression has other characters"

settings() {
    local options="--web.listen-address=:9100"
    [ "${PROCESSES:-false}" != true ] || options+=" --collector.processes"
    [ -z "${IGNORED_FILESYSTEMS:-}" ] ||
        options+=" --collector.filesystem.fs-types-exclude=$IGNORED_FILESYSTEMS"
    # The unit splits words itself; a dollar sign has to be doubled there.
    cat <<CONF
[Service]
ExecStart=
ExecStart=/usr/bin/prometheus-node-exporter ${options//\$/\$\$}
NoNewPrivileges=yes
ProtectHome=yes
ProtectSystem=strict
PrivateTmp=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
CONF
}

progress 10 "Installing the exporter"
install_packages prometheus-node-exporter

progress 80 "Writing the configuration"
install -d -m 0755 "$(dirname "$DROP_IN")"
changed=false
if settings | write_file "$DROP_IN" 0644 root:root; then changed=true; fi

progress 90 "Starting the exporter"
if [ $changed = true ] || ! service_runs $UNIT; then
    service restart $UNIT || fail 3 "the exporter does not start"
fi
wait_for 20 ./check.sh || fail 3 "the exporter gives no figures"
progress 100 "Done"
