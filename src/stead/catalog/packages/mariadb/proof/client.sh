#!/bin/bash
set -euo pipefail

# client.sh STATEMENT: ask as a client from elsewhere does.
MYSQL_PWD=$PASSWORD exec mariadb -h "$ADDRESS" -u "$USERNAME" -N -B -e "$1" "$DATABASE"
