#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 80 /status.php) == *'"installed":true'*'"maintenance":false'* ]] || fail 2 "Nextcloud is not ready"
[[ $(http_get_as "${ADMIN_USER:?}" "${PASSWORD:?}" 80 "/remote.php/dav/files/$ADMIN_USER/") == "HTTP/1."*" 200 "* ]] ||
    fail 2 "Nextcloud does not take this password"
[ "$(http_status 80 /config/config.php)" = 404 ] || fail 2 "Nextcloud's settings are open"
echo "Nextcloud answers"
