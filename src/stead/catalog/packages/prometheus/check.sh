#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get_as "${USERNAME:?}" "${PASSWORD:?}" 9090 /-/ready) == "HTTP/1."*" 200 "* ]] ||
    fail 2 "Prometheus does not answer to this user"
[ "$(http_status 9090 /api/v1/status/config)" = 401 ] || fail 2 "Prometheus answers without a password"
echo "Prometheus answers"
