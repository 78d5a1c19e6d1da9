#!/bin/bash
set -euo pipefail
. ./stead.sh

answer=$(http_get 80 /stead-health) || fail 2 "Caddy does not answer on port 80"
[[ $answer == "HTTP/1."*" 200 "*"ok" ]] || fail 2 "Caddy answers, but not with this configuration"
[ "$(http_status 9180 /metrics)" = 200 ] || fail 2 "Caddy gives no figures"
echo "Caddy answers"
