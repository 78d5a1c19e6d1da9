#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

readonly SITE=/etc/nginx/sites-available/stead-dokuwiki
readonly FOLDER=/etc/dokuwiki
readonly RIGHTS=/var/lib/dokuwiki/acl

[ -n "${TITLE:-}" ] || fail 1 "a title is needed"
[[ ${ADMIN_USER:-} =~ ^[a-z][a-z0-9_-]+$ ]] || fail 1 "an administrator is needed"
[ -n "${PASSWORD:-}" ] || fail 1 "a password is needed"
[[ ${MAX_UPLOAD_MB:-} =~ ^[0-9]+$ ]] || fail 1 "the largest upload is a number of MiB"

progress 5 "Installing nginx and PHP"
# First of all PHP's service: the wiki alone would bring another web server along.
install_packages nginx php-fpm
progress 40 "Installing DokuWiki"
install_packages dokuwiki
php=$(php_fpm)
[ -n "$php" ] || fail 2 "PHP is not there"

progress 70 "Writing the configuration"
text=$(php settings.php conf)
write_file $FOLDER/local.protected.php 0640 root:www-data <<<"$text" || true
text=$(php settings.php users $RIGHTS/users.auth.php)
write_file $RIGHTS/users.auth.php 0640 www-data:www-data <<<"$text" || true
text=$(php settings.php rights $RIGHTS/acl.auth.php)
write_file $RIGHTS/acl.auth.php 0640 www-data:www-data <<<"$text" || true
version=${php#php}
pool=/etc/php/${version%-fpm}/fpm/pool.d
sed "s/@MAX_UPLOAD_MB@/$MAX_UPLOAD_MB/" pool.conf | write_file "$pool/stead-dokuwiki.conf" 0644 root:root || true
rm -f "$pool/www.conf"
sed "s/@MAX_UPLOAD_MB@/$MAX_UPLOAD_MB/" nginx.conf | write_file "$SITE" 0644 root:root || true
ln -sfn "$SITE" /etc/nginx/sites-enabled/stead-dokuwiki
rm -f /etc/nginx/sites-enabled/default
nginx -q -t || fail 3 "nginx refuses its configuration"

progress 90 "Starting PHP and nginx"
start_or_reload "$php" || fail 3 "PHP does not start"
start_or_reload nginx || fail 3 "nginx does not start"
wait_for 30 ./check.sh || fail 3 "the wiki does not answer"
progress 100 "Done"
