#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly HOME_=/opt/datasette
readonly DATA=/var/lib/datasette
readonly METADATA=/etc/datasette/metadata.json
readonly UNIT=/etc/systemd/system/datasette.service

[ -n "${TITLE:-}" ] || fail 1 "a title is needed"
[[ ${USERNAME:-} =~ ^[a-z][a-z0-9_]*$ ]] || fail 1 "a user is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"

# The environment is made beside the old one and takes its place when it is complete. What fills it
# is itself a file with a known hash; it does in seconds what pip does in half a minute.
install_datasette() {
    local wanted
    wanted=$(cat uv.txt requirements.txt | sha256sum)
    [ "$(cat $HOME_/wanted 2>/dev/null)" != "$wanted" ] || return 0
    rm -rf $HOME_.new
    PYTHONPATH=$(compgen -G '/usr/share/python-wheels/pip-*.whl') \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install -q --disable-pip-version-check --no-input --no-cache-dir --retries 5 \
        --timeout 60 --no-deps --only-binary :all: --require-hashes --no-compile \
        --target $HOME_.new/uv -r uv.txt || return 1
    export UV_NO_CACHE=1 UV_NATIVE_TLS=1 UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT=60
    $HOME_.new/uv/bin/uv venv --quiet --relocatable --python /usr/bin/python3 $HOME_.new/env || return 1
    VIRTUAL_ENV=$HOME_.new/env $HOME_.new/uv/bin/uv pip install --quiet --no-deps --only-binary :all: \
        --require-hashes -r requirements.txt || return 1
    rm -rf $HOME_.new/uv
    echo "$wanted" >$HOME_.new/wanted
    rm -rf $HOME_
    mv $HOME_.new $HOME_
}

unit() {
    cat <<CONF
[Unit]
Description=Datasette
After=network.target

[Service]
User=datasette
ExecStart=/bin/sh -c 'exec $HOME_/env/bin/datasette serve $DATA/*.db --host 0.0.0.0 --port 8001 --metadata $METADATA --setting max_returned_rows 1000 --setting sql_time_limit_ms 3000'
Restart=on-failure
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
getent passwd datasette >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin datasette

progress 30 "Installing Datasette"
install_datasette || fail 2 "Datasette cannot be installed"

progress 80 "Writing the configuration"
install -d -m 0750 -o datasette -g datasette $DATA
install -d -m 0755 "$(dirname $METADATA)"
restart=false
[ -e $DATA/data.db ] ||
    runuser -u datasette -- python3 -c "import sqlite3; sqlite3.connect('$DATA/data.db').execute('VACUUM')"
text=$(python3 settings.py $METADATA)
if write_file $METADATA 0640 root:datasette <<<"$text"; then restart=true; fi
if unit | write_file $UNIT 0644 root:root; then restart=true; fi

progress 90 "Starting Datasette"
systemctl daemon-reload
systemctl enable --quiet datasette
if [ $restart = true ] || ! service_runs datasette; then
    service restart datasette || fail 3 "Datasette does not start"
fi
wait_for 60 ./check.sh || fail 3 "Datasette does not answer"
progress 100 "Done"
