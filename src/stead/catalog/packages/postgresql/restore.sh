#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./database.sh

need_backup roles.sql databases
progress 10 "Restoring roles"
# Roles that exist are said to exist; what matters is that none is missing afterwards.
runuser -u postgres -- psql -X -q -d postgres <"$BACKUP/roles.sql" >/dev/null 2>&1 || true
progress 20 "Restoring databases"
while read -r name; do
    need_backup "$name.dump"
    NAME=$name sql <<'SQL'
\set name `printf %s "$NAME"`
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SQL
    runuser -u postgres -- pg_restore --create --exit-on-error -d postgres <"$BACKUP/$name.dump" ||
        fail 2 "the database $name cannot be restored"
done <"$BACKUP/databases"
progress 90 "Setting the user's password"
create_user_and_database || fail 3 "the user cannot be set up"
./check.sh
progress 100 "Restored"
