#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

progress 10 "Stopping"
if is_installed nginx; then service stop nginx || true; fi
php=$(php_fpm)
if [ "$php" != "php*-fpm" ]; then service stop "$php" 2>/dev/null || true; fi
rm -rf /etc/nginx/sites-enabled/stead-dokuwiki /etc/nginx/sites-available/stead-dokuwiki
rm -f /etc/php/*/fpm/pool.d/stead-dokuwiki.conf
progress 40 "Removing packages and data"
mapfile -t others < <(brought 'php*' 'libphp-*' nginx-common javascript-common 'libjs-*')
remove_packages dokuwiki nginx php-fpm "${others[@]}"
remove_data dokuwiki /etc/dokuwiki /var/lib/dokuwiki /usr/share/dokuwiki
remove_data php-common /etc/php /var/lib/php /run/php /var/log/php*-fpm.log*
rm -f /var/www/html/index.nginx-debian.html
remove_if_empty /var/www/html /var/www
progress 100 "Done"
