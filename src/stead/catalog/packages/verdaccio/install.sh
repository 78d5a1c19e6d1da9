#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./pinned.sh

readonly HOME_=/opt/verdaccio
readonly DATA=/var/lib/verdaccio
readonly FOLDER=/etc/verdaccio
readonly UNIT=/etc/systemd/system/verdaccio.service

[ -n "${TITLE:-}" ] || fail 1 "a title is needed"
[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAX_PACKAGE_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest package is a number of MiB"

unit() {
    cat <<CONF
[Unit]
Description=Verdaccio
After=network.target

[Service]
User=verdaccio
WorkingDirectory=$DATA
Environment=HOME=$DATA PATH=$HOME_/node/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
ExecStart=$HOME_/node/bin/node --max-old-space-size=384 $HOME_/app/node_modules/verdaccio/bin/verdaccio --config $FOLDER/config.yaml
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
getent passwd verdaccio >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin verdaccio

progress 20 "Installing Node.js and Verdaccio"
install_pinned $HOME_ || fail 2 "Verdaccio cannot be installed"

progress 80 "Writing the configuration"
install -d -m 0750 -o verdaccio -g verdaccio $DATA
install -d -m 0755 $FOLDER
restart=false
# What this machine's npm asks: its own mirror where one is set, else the public registry.
upstream=$($HOME_/node/bin/node $HOME_/node/lib/node_modules/npm/bin/npm-cli.js \
    config get registry --cache $HOME_/cache --no-update-notifier) ||
    fail 2 "npm does not say which registry it uses"
rm -rf $HOME_/cache
text=$(UPSTREAM=$upstream python3 settings.py conf)
if write_file $FOLDER/config.yaml 0640 root:verdaccio <<<"$text"; then restart=true; fi
text=$(python3 -W ignore settings.py people $FOLDER/htpasswd)
if write_file $FOLDER/htpasswd 0640 root:verdaccio <<<"$text"; then restart=true; fi
if unit | write_file $UNIT 0644 root:root; then restart=true; fi

progress 90 "Starting Verdaccio"
systemctl daemon-reload
systemctl enable --quiet verdaccio
if [ $restart = true ] || ! service_runs verdaccio; then
    service restart verdaccio || fail 3 "Verdaccio does not start"
fi
wait_for 90 ./check.sh || fail 3 "Verdaccio does not answer"
progress 100 "Done"
