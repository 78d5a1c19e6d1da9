#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

progress 10 "Stopping"
if is_installed nginx; then service stop nginx || true; fi
if is_installed mariadb-server; then service stop mariadb || true; fi
php=$(php_fpm)
if [ "$php" != "php*-fpm" ]; then service stop "$php" 2>/dev/null || true; fi
rm -rf /etc/nginx/sites-enabled/stead-wordpress /etc/nginx/sites-available/stead-wordpress
rm -f /etc/php/*/fpm/pool.d/stead-wordpress.conf
progress 40 "Removing packages and data"
mapfile -t others < <(brought 'php*' 'mariadb*' mysql-common nginx-common)
remove_packages "${PACKAGES[@]}" "${others[@]}"
remove_data wordpress /etc/wordpress /var/lib/wordpress /usr/share/wordpress
remove_data mariadb-server /etc/mysql /var/lib/mysql /var/log/mysql /run/mysqld
remove_data php-common /etc/php /var/lib/php /run/php /var/log/php*-fpm.log*
is_installed mariadb-server || remove_account mysql
rm -f /var/www/html/index.nginx-debian.html
remove_if_empty /var/www/html /var/www
progress 100 "Done"
