#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "${USERNAME:?}" "${PASSWORD:?}" 8384 /) == "HTTP/1."*" 200 "* ]] ||
    fail 2 "Syncthing does not answer to this user"
[ "$(http_status 8384 /)" = 401 ] || fail 2 "Syncthing answers without a password"
(exec 3<>/dev/tcp/127.0.0.1/22000) 2>/dev/null || fail 2 "Syncthing does not listen to other devices"
echo "Syncthing answers"
