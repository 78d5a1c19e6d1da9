#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 1880 /) == "HTTP/1."*" 200 "* ]] || fail 2 "Node-RED shows no page"
[ "$(http_status 1880 /flows)" = 401 ] || fail 2 "Node-RED answers without a password"
python3 ask.py 127.0.0.1 GET /settings >/dev/null 2>&1 || fail 2 "Node-RED does not answer to this user"
echo "Node-RED answers"
