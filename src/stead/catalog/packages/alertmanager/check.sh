#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "${USERNAME:?}" "${PASSWORD:?}" 9093 /-/ready) == "HTTP/1."*" 200 "* ]] ||
    fail 2 "Alertmanager does not answer to this user"
[ "$(http_status 9093 /api/v2/status)" = 401 ] || fail 2 "Alertmanager answers without a password"
echo "Alertmanager answers"
