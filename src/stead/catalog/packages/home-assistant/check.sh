#!/bin/bash
set -euo pipefail
. ./stead.sh

[ "$(http_status 8123 /manifest.json)" = 200 ] || fail 2 "Home Assistant shows no page"
[ "$(http_status 8123 /api/config)" = 401 ] || fail 2 "Home Assistant answers without a password"
[[ $(http_get 8123 /api/onboarding) != *'"done":false'* ]] || fail 2 "Home Assistant has no owner yet"
python3 ask.py 127.0.0.1 GET /api/config >/dev/null 2>&1 || fail 2 "Home Assistant does not take this password"
echo "Home Assistant answers"
