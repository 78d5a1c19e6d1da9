# What the scripts of this package share.
# shellcheck shell=bash

# php_fpm: the name of PHP's service, which has its version in it.
php_fpm() {
    local folder
    for folder in /etc/php/*/fpm; do
        folder=${folder#/etc/php/}
        echo "php${folder%/fpm}-fpm"
    done | sort -V | tail -n 1
}

start_or_reload() {
    if service_runs "$1"; then service reload "$1"; else service start "$1"; fi
}

# shellcheck disable=SC2034
PACKAGES=(
    nginx php-fpm php-cli php-sqlite3 php-gd php-curl php-xml php-mbstring php-zip php-intl php-bcmath
    php-gmp php-apcu curl ca-certificates gnupg bzip2
)
CODE=/opt/nextcloud
DATA=/var/lib/nextcloud

# occ WORD...: Nextcloud's own command line.
occ() { runuser -u www-data -- env OC_PASS="${OC_PASS:-}" NEXTCLOUD_CONFIG_DIR=$DATA/config php -d memory_limit=512M "$CODE/occ" --no-interaction "$@"; }
