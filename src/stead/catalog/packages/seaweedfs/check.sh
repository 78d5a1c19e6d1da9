#!/bin/bash
set -euo pipefail
. ./stead.sh

python3 s3.py 127.0.0.1 GET "/${BUCKET:?}?max-keys=1" >/dev/null 2>&1 || fail 2 "the bucket cannot be read with these keys"
[ "$(http_status 8333 "/$BUCKET")" = 403 ] || fail 2 "SeaweedFS answers without a key"
[ "$(http_status 9327 /metrics)" = 200 ] || fail 2 "SeaweedFS gives no figures"
echo "SeaweedFS answers"
