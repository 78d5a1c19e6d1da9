#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

readonly SITE=/etc/nginx/sites-available/stead-wordpress

[ -n "${TITLE:-}" ] || fail 1 "a title is needed"
[[ ${ADMIN_USER:-} =~ ^[a-z][a-z0-9_.-]+$ ]] || fail 1 "an administrator is needed"
[ -n "${ADMIN_EMAIL:-}" ] || fail 1 "a mail address is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAX_UPLOAD_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest upload is a number of MiB"

salts() {
    local name
    echo '<?php'
    for name in AUTH_KEY SECURE_AUTH_KEY LOGGED_IN_KEY NONCE_KEY AUTH_SALT SECURE_AUTH_SALT \
        LOGGED_IN_SALT NONCE_SALT; do
        printf "define('%s', '%s');\n" "$name" "$(head -c 48 /dev/urandom | base64 -w 0)"
    done
}

# A small database: what WordPress needs of it fits beside PHP in half a gigabyte.
database_settings() {
    cat <<'CONF'
[mariadbd]
skip_networking = ON
innodb_buffer_pool_size = 64M
performance_schema = OFF
character_set_server = utf8mb4
CONF
}

progress 5 "Installing nginx, PHP, MariaDB and WordPress"
install_packages "${PACKAGES[@]}"
php=$(php_fpm)
[ -n "$php" ] || fail 2 "PHP is not there"

progress 60 "Writing the configuration"
[ -e /etc/wordpress/stead-salts.php ] ||
    salts | write_file /etc/wordpress/stead-salts.php 0640 root:www-data
write_file /etc/wordpress/config-default.php 0640 root:www-data <config-default.php || true
restart=false
if database_settings | write_file /etc/mysql/mariadb.conf.d/90-stead.cnf 0644 root:root; then
    restart=true
fi
version=${php#php}
pool=/etc/php/${version%-fpm}/fpm/pool.d
sed "s/@MAX_UPLOAD_MB@/$MAX_UPLOAD_MB/" pool.conf | write_file "$pool/stead-wordpress.conf" 0644 root:root || true
rm -f "$pool/www.conf"
sed "s/@MAX_UPLOAD_MB@/$MAX_UPLOAD_MB/" nginx.conf | write_file "$SITE" 0644 root:root || true
ln -sfn "$SITE" /etc/nginx/sites-enabled/stead-wordpress
rm -f /etc/nginx/sites-enabled/default
nginx -q -t || fail 3 "nginx refuses its configuration"

progress 70 "Starting the database"
if [ $restart = true ] || ! service_runs mariadb; then
    service restart mariadb || fail 3 "MariaDB does not start"
fi
wait_for 60 sql_answers || fail 3 "MariaDB does not answer"
sql <<'SQL' || fail 3 "the database cannot be created"
CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER IF NOT EXISTS 'www-data'@'localhost' IDENTIFIED VIA unix_socket;
GRANT ALL PRIVILEGES ON wordpress.* TO 'www-data'@'localhost';
SQL

progress 80 "Setting up the site"
install -d -o www-data -g www-data $CONTENT/uploads $CONTENT/upgrade
runuser -u www-data -- php setup.php || fail 3 "WordPress cannot be set up"

progress 90 "Starting PHP and nginx"
start_or_reload "$php" || fail 3 "PHP does not start"
start_or_reload nginx || fail 3 "nginx does not start"
wait_for 30 ./check.sh || fail 3 "the site does not answer"
progress 100 "Done"
