#!/bin/bash
set -euo pipefail
. ./stead.sh

[ "$(http_status 3000 /api/health)" = 200 ] || fail 2 "Grafana is not well"
python3 ask.py 127.0.0.1 GET /api/org >/dev/null 2>&1 || fail 2 "Grafana does not take this password"
[ "$(http_status 3000 /api/org)" = 401 ] || fail 2 "Grafana answers without a password"
echo "Grafana answers"
