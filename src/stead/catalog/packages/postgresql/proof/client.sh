#!/bin/bash
set -euo pipefail

# client.sh STATEMENT: ask as a client from elsewhere does.
PGPASSWORD=$PASSWORD exec psql -X -w -qAt -h "$ADDRESS" -U "$USERNAME" -d "$DATABASE" -c "$1"
