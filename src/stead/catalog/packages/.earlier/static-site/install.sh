#!/bin/bash
set -euo pipefail
. ./stead.sh

readonly ROOT=/var/www/stead-site
readonly SITE=/etc/nginx/sites-available/stead-site

[ -n "${TITLE:-}" ] || fail 1 "a title is needed"
case "${ACCENT:-blue}" in
    blue) colours='#2b59ff #6aa8ff' ;;
    green) colours='#0b7a53 #5cd6a4' ;;
    orange) colours='#b4420a #ffb36b' ;;
    violet) colours='#6a2bd9 #c39bff' ;;
    *) fail 1 "there is no colour ${ACCENT}" ;;
esac

page() {
    local page title text
    page=$(<page.html)
    title=$(escape_html "$TITLE")
    text=$(escape_html "${TEXT:-}")
    page=${page//@DEEP@/"${colours% *}"}
    page=${page//@LIGHT@/"${colours#* }"}
    # The words of the user come last, so that nothing inside them is replaced.
    local before=${page%%@TITLE@*} between=${page#*@TITLE@}
    between=${between%%@TITLE@*}
    local last=${page##*@TITLE@}
    printf '%s' "$before" "$title" "$between" "$title" "${last%%@TEXT@*}" "$text" "${last#*@TEXT@}"
}

progress 10 "Installing nginx"
install_packages nginx

progress 80 "Writing the page"
mkdir -p "$ROOT"
page | write_file "$ROOT/index.html" 0644 root:root || true
write_file "$SITE" 0644 root:root <nginx.conf || true
ln -sfn "$SITE" /etc/nginx/sites-enabled/stead-site
rm -f /etc/nginx/sites-enabled/default
nginx -q -t || fail 3 "nginx refuses its configuration"

progress 90 "Starting nginx"
if service_runs nginx; then service reload nginx; else service start nginx; fi ||
    fail 3 "nginx does not start"
wait_for 10 ./check.sh || fail 3 "the page does not answer"
progress 100 "Done"
