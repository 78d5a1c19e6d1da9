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
