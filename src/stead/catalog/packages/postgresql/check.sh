#!/bin/bash
set -euo pipefail

if ! command -v psql >/dev/null; then
    echo "PostgreSQL is not installed" >&2
    exit 1
fi
# Connects as a client does: over TCP, as the user, with the password (from the environment).
answer=$(
    PGPASSWORD=${PASSWORD:?} PGCONNECT_TIMEOUT=5 timeout 10 \
        psql -X -w -At -h 127.0.0.1 -U "${USERNAME:?}" -d "${DATABASE:?}" \
        -c 'SELECT current_user' 2>&1
) || {
    echo "the user cannot connect: ${answer##*: }" >&2
    exit 1
}
[ "$answer" = "$USERNAME" ]
echo "PostgreSQL answers"
