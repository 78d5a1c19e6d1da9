#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

progress 10 "Stopping"
systemctl disable --now --quiet nextcloud-jobs.timer 2>/dev/null || true
systemctl stop --quiet nextcloud-jobs.service 2>/dev/null || true
rm -f /etc/systemd/system/nextcloud-jobs.service /etc/systemd/system/nextcloud-jobs.timer
systemctl daemon-reload
if is_installed nginx; then service stop nginx || true; fi
php=$(php_fpm)
if [ "$php" != "php*-fpm" ]; then service stop "$php" 2>/dev/null || true; fi
rm -rf /etc/nginx/sites-enabled/stead-nextcloud /etc/nginx/sites-available/stead-nextcloud
rm -f /etc/php/*/fpm/pool.d/stead-nextcloud.conf
rm -rf $CODE $CODE.new $DATA
progress 40 "Removing packages and data"
mapfile -t others < <(brought 'php*' nginx-common)
remove_packages "${PACKAGES[@]}" "${others[@]}"
remove_data php-common /etc/php /var/lib/php /run/php /var/log/php*-fpm.log*
rm -f /var/www/html/index.nginx-debian.html
remove_if_empty /var/www/html /var/www
progress 100 "Done"
