#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 81 /api/) == "HTTP/1."*" 200 "*'"status":"OK"'* ]] || fail 2 "the proxy's page is not well"
[ -n "$(http_status 80 /)" ] || fail 2 "the proxy does not listen"
[ "$(http_status 81 /api/users)" != 200 ] || fail 2 "the proxy's page answers without a password"
python3 - <<'PY' || fail 2 "the proxy knows the password that everybody knows"
import json, urllib.error, urllib.request
known = dict(zip(("identity", "secret"), ("admin@example.com", "changeme")))
request = urllib.request.Request(
    "http://127.0.0.1:81/api/tokens", json.dumps(known).encode(), {"Content-Type": "application/json"}
)
try:
    urllib.request.urlopen(request, timeout=20)
except urllib.error.HTTPError:
    raise SystemExit(0)
raise SystemExit(1)
PY
echo "the proxy answers"
