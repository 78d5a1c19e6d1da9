#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./pinned.sh

readonly HOME_=/opt/node-red
readonly DATA=/var/lib/node-red
readonly FOLDER=/etc/node-red
readonly UNIT=/etc/systemd/system/node-red.service

[ -n "${TITLE:-}" ] || fail 1 "a title is needed"
[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"

unit() {
    cat <<CONF
[Unit]
Description=Node-RED
After=network.target

[Service]
User=node-red
WorkingDirectory=$DATA
Environment=HOME=$DATA PATH=$HOME_/node/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
ExecStart=$HOME_/node/bin/node --max-old-space-size=384 $HOME_/app/node_modules/node-red/red.js --settings $FOLDER/settings.js
KillSignal=SIGINT
Restart=on-failure
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

progress 5 "Preparing"
install_packages python3-pip-whl ca-certificates
getent passwd node-red >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin node-red

progress 20 "Installing Node.js and Node-RED"
install_pinned $HOME_ || fail 2 "Node-RED cannot be installed"

progress 80 "Writing the configuration"
install -d -m 0750 -o node-red -g node-red $DATA
install -d -m 0755 $FOLDER
restart=false
[ -e $DATA/.stead-secret ] ||
    head -c 32 /dev/urandom | base64 -w 0 | write_file $DATA/.stead-secret 0400 node-red:node-red
text=$(python3 -W ignore chosen.py $FOLDER/stead.json)
if write_file $FOLDER/stead.json 0640 root:node-red <<<"$text"; then restart=true; fi
if write_file $FOLDER/settings.js 0644 root:root <settings.js; then restart=true; fi
if unit | write_file $UNIT 0644 root:root; then restart=true; fi

progress 90 "Starting Node-RED"
systemctl daemon-reload
systemctl enable --quiet node-red
if [ $restart = true ] || ! service_runs node-red; then
    service restart node-red || fail 3 "Node-RED does not start"
fi
wait_for 90 ./check.sh || fail 3 "Node-RED does not answer"
progress 100 "Done"
