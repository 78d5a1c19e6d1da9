#!/bin/bash
set -euo pipefail

say() { REDISCLI_AUTH=$1 timeout 5 redis-cli --no-auth-warning -h 127.0.0.1 2>/dev/null || true; }

if ! command -v redis-cli >/dev/null; then
    echo "redis is not installed" >&2
    exit 1
fi
answer=$(say "${PASSWORD:?}" <<<PING)
if [ "$answer" != PONG ]; then
    echo "redis does not answer with this password" >&2
    exit 1
fi
answer=$(env -u REDISCLI_AUTH timeout 5 redis-cli -h 127.0.0.1 <<<PING 2>&1 || true)
if [[ $answer != *NOAUTH* ]]; then
    echo "redis answers without a password" >&2
    exit 1
fi
echo "redis answers"
