#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./database.sh

begin_backup
# The roles without their passwords: a restored server has those that it was given.
progress 10 "Copying roles"
runuser -u postgres -- pg_dumpall --roles-only --no-role-passwords >"$BACKUP/roles.sql" ||
    fail 2 "the roles cannot be copied"
progress 20 "Copying databases"
sql >"$BACKUP/databases" <<'SQL'
SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres'
SQL
while read -r name; do
    runuser -u postgres -- pg_dump -Fc --create -d "$name" >"$BACKUP/$name.dump" ||
        fail 2 "the database $name cannot be copied"
done <"$BACKUP/databases"
progress 100 "Backed up"
