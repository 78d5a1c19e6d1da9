#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly HOME_=/opt/jupyterlab
readonly DATA=/var/lib/jupyter
readonly FILE=/etc/jupyter-stead/jupyter_server_config.json
readonly UNIT=/etc/systemd/system/jupyterlab.service

[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"

# The environment is made beside the old one and takes its place when it is complete. What fills it
# is itself a file with a known hash; it does in seconds what pip does in a minute.
install_jupyter() {
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
    $HOME_.new/uv/bin/uv venv --quiet --relocatable --system-site-packages --python /usr/bin/python3 $HOME_.new/env || return 1
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
Description=JupyterLab
After=network.target

[Service]
User=jupyter
WorkingDirectory=$DATA/notebooks
Environment=HOME=$DATA PIP_USER=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=$DATA/.local/bin:$HOME_/env/bin:/usr/bin:/bin JUPYTER_CONFIG_PATH=$(dirname $FILE) PIP_CERT=/etc/ssl/certs/ca-certificates.crt
ExecStart=$HOME_/env/bin/python -m jupyterlab --config=$FILE
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
getent passwd jupyter >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin jupyter

progress 20 "Installing JupyterLab"
install_jupyter || fail 2 "JupyterLab cannot be installed"

progress 80 "Writing the configuration"
install -d -m 0750 -o jupyter -g jupyter $DATA $DATA/notebooks
install -d -m 0755 "$(dirname $FILE)"
restart=false
text=$($HOME_/env/bin/python settings.py $FILE) || fail 3 "the settings cannot be made"
if write_file $FILE 0640 root:jupyter <<<"$text"; then restart=true; fi
if unit | write_file $UNIT 0644 root:root; then restart=true; fi

progress 90 "Starting JupyterLab"
systemctl daemon-reload
systemctl enable --quiet jupyterlab
if [ $restart = true ] || ! service_runs jupyterlab; then
    service restart jupyterlab || fail 3 "JupyterLab does not start"
fi
wait_for 90 ./check.sh || fail 3 "JupyterLab does not answer"
progress 100 "Done"
