#!/bin/bash
set -euo pipefail
. ./stead.sh

[ "$(python3 ask.py 127.0.0.1 2>/dev/null)" = pong ] || fail 2 "NATS does not answer to this user"
said=$(env -u PASSWORD python3 ask.py 127.0.0.1 2>&1 || true)
[[ $said == *Authorization* ]] || fail 2 "NATS answers without a password"
[[ $(python3 ask.py 127.0.0.1 '$JS.API.INFO' '') == *'"max_storage"'* ]] || fail 2 "NATS keeps no messages"
echo "NATS answers"
