#!/bin/bash
set -euo pipefail
. ./stead.sh

[ "$(http_status 3000 /api/healthz)" = 200 ] || fail 2 "Gitea is not well"
python3 ask.py 127.0.0.1 GET /api/v1/user >/dev/null 2>&1 || fail 2 "Gitea does not take this password"
[ "$(http_status 3000 /api/v1/user)" = 401 ] || fail 2 "Gitea answers without a password"
echo "Gitea answers"
