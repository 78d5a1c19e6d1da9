#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./database.sh

begin_backup
progress 10 "Copying databases"
sql >"$BACKUP/databases" <<'SQL'
SELECT schema_name FROM information_schema.schemata
WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
SQL
while read -r name; do
    mariadb-dump --protocol=socket -u root --single-transaction --quick --routines --events \
        --triggers --hex-blob --add-drop-database --databases "$name" >"$BACKUP/$name.sql" ||
        fail 2 "the database $name cannot be copied"
done <"$BACKUP/databases"
progress 100 "Backed up"
