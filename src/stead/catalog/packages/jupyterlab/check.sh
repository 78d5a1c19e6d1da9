#!/bin/bash
set -euo pipefail
. ./stead.sh

[[ $(http_get 8888 /login) == "HTTP/1."*" 200 "*'name="password"'* ]] || fail 2 "nobody can sign in"
[ "$(http_status 8888 /api/contents)" = 403 ] || fail 2 "Jupyter answers without a password"
python3 ask.py 127.0.0.1 GET /api/status >/dev/null 2>&1 || fail 2 "Jupyter does not take this password"
echo "JupyterLab answers"
