#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./vendor.sh

readonly VERSION=1.26.2
readonly PROGRAM=https://dl.gitea.com/gitea/$VERSION/gitea-$VERSION-linux-amd64
readonly SIGNED_BY=7C9E68152594688862D62AF62D9AE806EC1592E2
readonly KEY_AT=https://keys.openpgp.org/vks/v1/by-fingerprint/$SIGNED_BY
readonly HOME_=/opt/gitea
readonly DATA=/var/lib/gitea
readonly FILE=/etc/gitea/app.ini
readonly UNIT=/etc/systemd/system/gitea.service

[[ ${TITLE:-} =~ ^[A-Za-z0-9][A-Za-z0-9\ ._-]*$ ]] || fail 1 "a title is needed"
[[ ${ADMIN_USER:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "an administrator is needed"
[ -n "${ADMIN_EMAIL:-}" ] || fail 1 "a mail address is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[ "$(uname -m)" = x86_64 ] || fail 1 "this version is for x86-64"

install_gitea() {
    [ "$(cat $HOME_/wanted 2>/dev/null)" != $VERSION ] || return 0
    rm -rf $HOME_.new
    mkdir -p $HOME_.new
    fetch $PROGRAM $HOME_.new/gitea
    verify_sum $HOME_.new/gitea $PROGRAM.sha256
    verify_signature $HOME_.new/gitea $PROGRAM.asc $SIGNED_BY "$KEY_AT"
    chmod 0755 $HOME_.new/gitea
    echo $VERSION >$HOME_.new/wanted
    rm -rf $HOME_
    mv $HOME_.new $HOME_
}

# Words of its own that Gitea signs and encrypts with; made once.
kept() {
    [ -e "/etc/gitea/$1" ] ||
        $HOME_/gitea generate secret "$2" | write_file "/etc/gitea/$1" 0440 root:gitea
}

settings() {
    cat <<CONF
APP_NAME = $TITLE
RUN_MODE = prod
RUN_USER = gitea
WORK_PATH = $DATA
[server]
HTTP_PORT = 3000
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = $DATA/gitea.db
[repository]
ROOT = $DATA/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY_URI = file:/etc/gitea/secret_key
INTERNAL_TOKEN_URI = file:/etc/gitea/internal_token
[oauth2]
ENABLED = false
[service]
DISABLE_REGISTRATION = true
REQUIRE_SIGNIN_VIEW = true
[log]
MODE = console
LEVEL = Warn
CONF
}

unit() {
    cat <<CONF
[Unit]
Description=Gitea
After=network.target

[Service]
User=gitea
WorkingDirectory=$DATA
Environment=HOME=$DATA GITEA_WORK_DIR=$DATA
ExecStart=$HOME_/gitea web --config $FILE
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

as_gitea() { runuser -u gitea -- env HOME=$DATA GITEA_WORK_DIR=$DATA $HOME_/gitea --config $FILE "$@"; }

# A word that everybody could see in the list of processes is replaced at once, by the interface.
ensure_admin() {
    local throwaway
    if python3 ask.py 127.0.0.1 GET /api/v1/user >/dev/null 2>&1; then return 0; fi
    throwaway=$(head -c 24 /dev/urandom | base64 -w 0)
    if ! as_gitea admin user list | grep -qE "^[0-9]+ +$ADMIN_USER "; then
        as_gitea admin user create --admin --username "$ADMIN_USER" --email "$ADMIN_EMAIL" \
            --password "$throwaway" --must-change-password=false >/dev/null || return 1
    else
        as_gitea admin user change-password --username "$ADMIN_USER" --password "$throwaway" \
            --must-change-password=false >/dev/null || return 1
    fi
    THROWAWAY=$throwaway python3 ask.py 127.0.0.1 PATCH "/api/v1/admin/users/$ADMIN_USER" >/dev/null
}

progress 5 "Preparing"
install_packages curl ca-certificates gnupg git
getent passwd gitea >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin gitea

progress 20 "Fetching and verifying Gitea"
install_gitea

progress 70 "Writing the configuration"
install -d -m 0750 -o gitea -g gitea $DATA
install -d -m 0750 -o root -g gitea "$(dirname $FILE)"
restart=false
kept secret_key SECRET_KEY
kept internal_token INTERNAL_TOKEN
if settings | write_file $FILE 0640 root:gitea; then restart=true; fi
if unit | write_file $UNIT 0644 root:root; then restart=true; fi

progress 80 "Starting Gitea"
systemctl daemon-reload
systemctl enable --quiet gitea
if [ $restart = true ] || ! service_runs gitea; then
    service restart gitea || fail 3 "Gitea does not start"
fi
healthy() { [ "$(http_status 3000 /api/healthz)" = 200 ]; }
wait_for 90 healthy || fail 3 "Gitea does not answer"
ensure_admin || fail 3 "the administrator cannot be set up"
wait_for 30 ./check.sh || fail 3 "Gitea does not take the administrator's password"
progress 100 "Done"
