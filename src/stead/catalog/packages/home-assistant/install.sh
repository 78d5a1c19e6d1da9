#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly PYTHON=3.14.10
readonly HOME_=/opt/home-assistant
readonly DATA=/var/lib/home-assistant
readonly UNIT=/etc/systemd/system/home-assistant.service

[[ ${ADMIN_USER:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "an owner is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${HOME_NAME:-} =~ ^[A-Za-z0-9][A-Za-z0-9\ ._-]*$ ]] || fail 1 "the home needs a name"

# Lies where it will stay from the beginning, and counts once the last line is written.
install_home_assistant() {
    local wanted
    wanted=$({ cat requirements.txt uv.txt && echo $PYTHON; } | sha256sum)
    [ "$(cat $HOME_/wanted 2>/dev/null)" != "$wanted" ] || return 0
    if service_runs home-assistant; then service stop home-assistant; fi
    rm -rf $HOME_
    PYTHONPATH=$(compgen -G '/usr/share/python-wheels/pip-*.whl') \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install -q --disable-pip-version-check --no-input --no-cache-dir --no-deps \
        --only-binary :all: --require-hashes --no-compile --target $HOME_/uv -r uv.txt || return 1
    export UV_PYTHON_INSTALL_DIR=$HOME_/python UV_NO_CACHE=1 UV_NATIVE_TLS=1 UV_NO_CONFIG=1
    $HOME_/uv/bin/uv python install --quiet --no-bin $PYTHON ||
        fail 2 "cannot verify: Python $PYTHON was not to be had, or is not what its makers published"
    $HOME_/uv/bin/uv venv --quiet --python $PYTHON --managed-python $HOME_/env || return 1
    # Two packages come as source only; they are built without a compiler.
    SKIP_CYTHON=1 VIRTUAL_ENV=$HOME_/env $HOME_/uv/bin/uv pip install --quiet --require-hashes --no-deps -r requirements.txt || return 1
    echo "$wanted" >$HOME_/wanted
}

settings() {
    cat <<CONF
default_config:
automation: !include automations.yaml
homeassistant:
  name: "$HOME_NAME"
http:
  server_host: $1
  server_port: 8123
  use_x_forwarded_for: true
  trusted_proxies: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.1]
  ip_ban_enabled: false
  login_attempts_threshold: -1
CONF
}

unit() {
    cat <<CONF
[Unit]
Description=Home Assistant
After=network.target

[Service]
User=home-assistant
WorkingDirectory=$DATA
Environment=HOME=$DATA PATH=$HOME_/env/bin:$HOME_/uv/bin:/usr/bin:/bin
ExecStart=$HOME_/env/bin/hass --config $DATA
Restart=on-failure
RestartForceExitStatus=100
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

listens() { [ -n "$(http_status 8123 /api/onboarding)" ]; }

progress 5 "Preparing"
install_packages python3-pip-whl ca-certificates
getent passwd home-assistant >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin home-assistant

progress 10 "Fetching and verifying Python and Home Assistant"
install_home_assistant || fail 2 "Home Assistant cannot be installed"

progress 70 "Writing the configuration"
install -d -m 0750 -o home-assistant -g home-assistant $DATA
restart=false
[ -e $DATA/automations.yaml ] || write_file $DATA/automations.yaml 0640 home-assistant:home-assistant <<<"[]"
if unit | write_file $UNIT 0644 root:root; then restart=true; fi
systemctl daemon-reload
systemctl enable --quiet home-assistant

# Whoever comes first owns the home: so nobody else may come before the owner is there.
if [ ! -e $DATA/.storage/auth ] || ! grep -q '"is_owner": *true' $DATA/.storage/auth; then
    progress 75 "Setting up the owner"
    settings 127.0.0.1 | write_file $DATA/configuration.yaml 0640 home-assistant:home-assistant || true
    service restart home-assistant || fail 3 "Home Assistant does not start"
    wait_for 600 listens || fail 3 "Home Assistant does not answer"
    python3 ask.py 127.0.0.1 own || fail 3 "the owner cannot be set up"
    restart=true
fi
if settings 0.0.0.0 | write_file $DATA/configuration.yaml 0640 home-assistant:home-assistant; then restart=true; fi

progress 90 "Starting Home Assistant"
if [ $restart = true ] || ! service_runs home-assistant; then
    service restart home-assistant || fail 3 "Home Assistant does not start"
fi
wait_for 600 ./check.sh || fail 3 "Home Assistant does not answer"
progress 100 "Done"
