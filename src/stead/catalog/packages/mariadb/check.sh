#!/bin/bash
set -euo pipefail

if ! command -v mariadb >/dev/null; then
    echo "MariaDB is not installed" >&2
    exit 1
fi
# Connects as a client does: over TCP, as the user, with the password (from the environment).
answer=$(
    MYSQL_PWD=${PASSWORD:?} timeout 10 mariadb --connect-timeout=5 -h 127.0.0.1 -u "${USERNAME:?}" \
        -N -B -e 'SELECT DATABASE()' "${DATABASE:?}" 2>&1
) || {
    echo "the user cannot connect: $answer" >&2
    exit 1
}
[ "$answer" = "$DATABASE" ]
echo "MariaDB answers"
