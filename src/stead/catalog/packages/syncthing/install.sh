#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly DATA=/var/lib/syncthing
readonly CONFIG=$DATA/config
readonly UNIT=/etc/systemd/system/syncthing.service

[[ ${DEVICE_NAME:-} =~ ^[A-Za-z0-9][A-Za-z0-9\ ._-]*$ ]] || fail 1 "the device needs a name"
[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"

unit() {
    cat <<CONF
[Unit]
Description=Syncthing
After=network.target

[Service]
User=syncthing
ExecStart=/usr/bin/syncthing serve --no-browser --no-restart --no-upgrade --logflags=0 --home=$CONFIG
Restart=on-failure
SuccessExitStatus=3 4
RestartForceExitStatus=3 4
UMask=0027
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=$DATA
ProtectHome=yes
PrivateTmp=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
CONF
}

as_syncthing() { runuser -u syncthing -- env HOME=$DATA syncthing "$@"; }

progress 10 "Installing Syncthing"
install_packages syncthing
getent passwd syncthing >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin syncthing

progress 70 "Writing the configuration"
install -d -m 0750 -o syncthing -g syncthing $DATA $CONFIG
[ -e $CONFIG/config.xml ] || as_syncthing generate --home=$CONFIG --no-default-folder >/dev/null ||
    fail 2 "Syncthing does not make its key"
# It writes what was set up in the browser itself, so it is asked to stop before we write.
DEVICE_ID=$(as_syncthing serve --home=$CONFIG --device-id) || fail 3 "Syncthing does not know its own id"
export DEVICE_ID
text=$(python3 -W ignore settings.py $CONFIG/config.xml) || fail 3 "Syncthing's configuration cannot be read"
python3 -W ignore same.py $CONFIG/config.xml <<<"$text" || {
    if service_runs syncthing; then service stop syncthing; fi
    text=$(python3 -W ignore settings.py $CONFIG/config.xml)
    write_file $CONFIG/config.xml 0600 syncthing:syncthing <<<"$text" || true
}
restart=false
if unit | write_file $UNIT 0644 root:root; then restart=true; fi

progress 90 "Starting Syncthing"
systemctl daemon-reload
systemctl enable --quiet syncthing
if [ $restart = true ] || ! service_runs syncthing; then
    service restart syncthing || fail 3 "Syncthing does not start"
fi
wait_for 60 ./check.sh || fail 3 "Syncthing does not answer"
progress 100 "Done"
