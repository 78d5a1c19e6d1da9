#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./vendor.sh

readonly VERSION=12.4.6
readonly ARCHIVE=https://dl.grafana.com/oss/release/grafana-$VERSION.linux-amd64.tar.gz
readonly HOME_=/opt/grafana
readonly DATA=/var/lib/grafana
readonly FILE=/etc/grafana/grafana.ini
readonly UNIT=/etc/systemd/system/grafana.service

[[ ${ADMIN_USER:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "an administrator is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${ORG_NAME:-} =~ ^[A-Za-z0-9][A-Za-z0-9\ ._-]*$ ]] || fail 1 "the organisation needs a name"
[ "$(uname -m)" = x86_64 ] || fail 1 "this version is for x86-64"

install_grafana() {
    [ "$(cat $HOME_/wanted 2>/dev/null)" != $VERSION ] || return 0
    rm -rf $HOME_.new
    mkdir -p $HOME_.new
    fetch $ARCHIVE $HOME_.new/archive
    verify_sum $HOME_.new/archive $ARCHIVE.sha256
    tar -C $HOME_.new -xzf $HOME_.new/archive --strip-components=1 --no-same-owner
    rm $HOME_.new/archive
    echo $VERSION >$HOME_.new/wanted
    rm -rf $HOME_
    mv $HOME_.new $HOME_
}

settings() {
    cat <<CONF
[paths]
data = $DATA
logs = $DATA/log
plugins = $DATA/plugins
[server]
http_port = 3000
[security]
admin_user = $ADMIN_USER
disable_gravatar = true
cookie_samesite = lax
[users]
allow_sign_up = false
[auth.anonymous]
enabled = false
[metrics]
enabled = false
[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
[log]
mode = console
CONF
}

unit() {
    cat <<CONF
[Unit]
Description=Grafana
After=network.target

[Service]
User=grafana
WorkingDirectory=$HOME_
ExecStart=$HOME_/bin/grafana server --homepath=$HOME_ --config=$FILE
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
install_packages curl ca-certificates
getent passwd grafana >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin grafana

progress 15 "Fetching and verifying Grafana"
install_grafana

progress 70 "Writing the configuration"
install -d -m 0750 -o grafana -g grafana $DATA
install -d -m 0755 "$(dirname $FILE)"
restart=false
if settings | write_file $FILE 0640 root:grafana; then restart=true; fi
if unit | write_file $UNIT 0644 root:root; then restart=true; fi
# Before anybody can reach it: no administrator has a password that was not given here.
if [ ! -e $DATA/grafana.db ] && service_runs grafana; then service stop grafana; fi
runuser -u grafana -- $HOME_/bin/grafana cli --homepath $HOME_ --config $FILE \
    admin reset-admin-password --password-from-stdin <<<"$PASSWORD" >/dev/null ||
    fail 3 "the password cannot be set"

progress 85 "Starting Grafana"
systemctl daemon-reload
systemctl enable --quiet grafana
if [ $restart = true ] || ! service_runs grafana; then
    service restart grafana || fail 3 "Grafana does not start"
fi
named() { python3 ask.py 127.0.0.1 PUT /api/org; }
wait_for 90 named || fail 3 "Grafana does not take the administrator's password"
wait_for 30 ./check.sh || fail 3 "Grafana does not answer"
progress 100 "Done"
