#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh
. ./vendor.sh

readonly VERSION=32.0.6
readonly ARCHIVE=https://download.nextcloud.com/server/releases/nextcloud-$VERSION.tar.bz2
readonly SIGNED_BY=28806A878AE423A28372792ED75899B9A724937A
readonly KEY_AT="https://keyserver.ubuntu.com/pks/lookup?op=get&options=mr&search=0x$SIGNED_BY"
readonly SITE=/etc/nginx/sites-available/stead-nextcloud
readonly SYSTEMD=/etc/systemd/system

[[ ${ADMIN_USER:-} =~ ^[a-z][a-z0-9_-]*$ ]] || fail 1 "an administrator is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${HOST_NAME:-} =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || fail 1 "a host name is needed"
[[ ${MAX_UPLOAD_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest upload is a number of MiB"

install_nextcloud() {
    [ "$(cat $CODE/wanted 2>/dev/null)" != $VERSION ] || return 0
    rm -rf $CODE.new
    mkdir -p $CODE.new
    fetch $ARCHIVE $CODE.new/archive
    verify_sum $CODE.new/archive $ARCHIVE.sha256
    verify_signature $CODE.new/archive $ARCHIVE.asc $SIGNED_BY "$KEY_AT"
    tar -C $CODE.new -xjf $CODE.new/archive --strip-components=1 --no-same-owner
    rm $CODE.new/archive
    echo $VERSION >$CODE.new/wanted
    rm -rf $CODE
    mv $CODE.new $CODE
}

# The word in the list of processes is for a moment only: the real one follows by environment.
set_up() {
    [ ! -e $DATA/config/config.php ] || return 0
    local throwaway
    throwaway=$(head -c 24 /dev/urandom | base64 -w 0)
    occ maintenance:install --database sqlite --data-dir $DATA/data --admin-user "$ADMIN_USER" \
        --admin-pass "$throwaway" >/dev/null
}

jobs() {
    cat <<CONF
[Unit]
Description=Nextcloud's own jobs

[Service]
Type=oneshot
User=www-data
Environment=NEXTCLOUD_CONFIG_DIR=$DATA/config
ExecStart=/usr/bin/php -d memory_limit=512M -f $CODE/cron.php
CONF
}

every_five_minutes() {
    printf '[Unit]\nDescription=Nextcloud'"'"'s own jobs\n\n[Timer]\nOnBootSec=5min\nOnUnitActiveSec=5min\n\n[Install]\nWantedBy=timers.target\n'
}

progress 5 "Installing nginx and PHP"
install_packages "${PACKAGES[@]}"
php=$(php_fpm)
[ -n "$php" ] || fail 2 "PHP is not there"

progress 30 "Fetching and verifying Nextcloud"
install_nextcloud

progress 60 "Setting up Nextcloud"
install -d -m 0750 -o www-data -g www-data $DATA $DATA/config $DATA/data
set_up || fail 3 "Nextcloud cannot be set up"
OC_PASS=$PASSWORD occ user:resetpassword --password-from-env "$ADMIN_USER" >/dev/null || fail 3 "the password cannot be set"
occ config:system:set trusted_domains 0 --value="$HOST_NAME" >/dev/null
occ config:system:set trusted_domains 1 --value=localhost >/dev/null
occ config:system:set trusted_proxies 0 --value=10.0.0.0/8 >/dev/null
occ config:system:set updatechecker --value=false --type=boolean >/dev/null
occ background:cron >/dev/null

progress 80 "Writing the configuration"
version=${php#php}
pool=/etc/php/${version%-fpm}/fpm/pool.d
sed "s/@MAX_UPLOAD_MB@/$MAX_UPLOAD_MB/" pool.conf | write_file "$pool/stead-nextcloud.conf" 0644 root:root || true
rm -f "$pool/www.conf"
sed "s/@MAX_UPLOAD_MB@/$MAX_UPLOAD_MB/" nginx.conf | write_file $SITE 0644 root:root || true
ln -sfn $SITE /etc/nginx/sites-enabled/stead-nextcloud
rm -f /etc/nginx/sites-enabled/default
nginx -q -t || fail 3 "nginx refuses its configuration"
jobs | write_file $SYSTEMD/nextcloud-jobs.service 0644 root:root || true
every_five_minutes | write_file $SYSTEMD/nextcloud-jobs.timer 0644 root:root || true

progress 90 "Starting PHP and nginx"
systemctl daemon-reload
systemctl enable --now --quiet nextcloud-jobs.timer
start_or_reload "$php" || fail 3 "PHP does not start"
start_or_reload nginx || fail 3 "nginx does not start"
wait_for 60 ./check.sh || fail 3 "Nextcloud does not answer"
progress 100 "Done"
