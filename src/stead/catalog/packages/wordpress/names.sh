# What the scripts of this package share.
# shellcheck shell=bash
# shellcheck disable=SC2034

PACKAGES=(
    nginx php php-fpm php-mysql php-gd php-curl php-xml php-mbstring php-intl php-zip
    mariadb-server wordpress wordpress-theme-twentytwentythree
)
CONTENT=/var/lib/wordpress/wp-content

sql() { mariadb --protocol=socket -u root -N -B; }
sql_answers() { [ "$(sql <<<'SELECT 1')" = 1 ]; }

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
