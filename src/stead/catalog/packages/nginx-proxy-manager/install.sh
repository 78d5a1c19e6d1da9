#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly IMAGE=jc21/nginx-proxy-manager
readonly VERSION=2.14.0
readonly DATA=/var/lib/nginx-proxy-manager
readonly FOLDER=/etc/nginx-proxy-manager
readonly UNIT=/etc/systemd/system/nginx-proxy-manager.service

[[ ${ADMIN_EMAIL:-} == ?*@?* ]] || fail 1 "a mail address is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
if [ "${IPV6:-false}" = true ]; then disabled=false; else disabled=true; fi

answers() { timeout 10 docker info >/dev/null 2>&1; }

# Docker computes the digest of what it gets; another content than this one is refused.
install_image() {
    local digest
    if [ -e $FOLDER/image ] && docker image inspect "$(cat $FOLDER/image)" >/dev/null 2>&1; then return 0; fi
    digest=$(python3 digest.py $IMAGE $VERSION) || fail 2 "cannot verify: the vendor's registry tells no digest"
    docker pull --quiet "$IMAGE@$digest" || fail 2 "the image with the digest $digest cannot be fetched"
    write_file $FOLDER/image 0644 root:root <<<"$IMAGE@$digest" || true
}

environment() {
    printf 'INITIAL_ADMIN_EMAIL=%s\nINITIAL_ADMIN_PASSWORD=%s\nDISABLE_IPV6=%s\n' "$ADMIN_EMAIL" "$PASSWORD" $disabled
}

unit() {
    cat <<CONF
[Unit]
Description=Nginx Proxy Manager
Requires=docker.service
After=docker.service

[Service]
ExecStartPre=-/usr/bin/docker rm --force nginx-proxy-manager
ExecStart=/usr/bin/docker run --rm --name nginx-proxy-manager --log-driver none --env-file $FOLDER/environment --security-opt no-new-privileges --publish 80:80 --publish 81:81 --publish 443:443 --volume $DATA/data:/data --volume $DATA/letsencrypt:/etc/letsencrypt $(cat $FOLDER/image)
ExecStop=/usr/bin/docker stop --time 30 nginx-proxy-manager
StandardOutput=null
StandardError=null
Restart=on-failure
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
CONF
}

progress 5 "Installing Docker"
install_packages docker.io iptables ca-certificates
service start docker || fail 3 "Docker does not start; are nested containers allowed here?"
wait_for 60 answers || fail 3 "Docker does not answer"

progress 25 "Fetching and verifying the image"
install -d -m 0700 $FOLDER
install -d -m 0750 $DATA $DATA/data $DATA/letsencrypt
install_image

progress 80 "Writing the configuration"
restart=false
if environment | write_file $FOLDER/environment 0600 root:root; then restart=true; fi
text=$(unit)
if write_file $UNIT 0644 root:root <<<"$text"; then restart=true; fi

progress 90 "Starting the proxy"
systemctl daemon-reload
systemctl enable --quiet nginx-proxy-manager
if [ $restart = true ] || ! service_runs nginx-proxy-manager; then
    service restart nginx-proxy-manager || fail 3 "the proxy does not start"
fi
wait_for 120 ./check.sh || fail 3 "the proxy does not answer"
progress 100 "Done"
