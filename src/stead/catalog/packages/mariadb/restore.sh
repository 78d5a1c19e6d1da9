#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./database.sh

need_backup databases
while read -r name; do
    need_backup "$name.sql"
    # A copy that was cut off has no last line.
    [[ $(tail -n 1 "$BACKUP/$name.sql") == "-- Dump completed"* ]] || fail 1 "the copy of $name is cut off"
done <"$BACKUP/databases"
progress 20 "Restoring databases"
while read -r name; do
    sql <"$BACKUP/$name.sql" || fail 2 "the database $name cannot be restored"
done <"$BACKUP/databases"
progress 90 "Setting up the user"
create_user_and_database || fail 3 "the user cannot be set up"
./check.sh
progress 100 "Restored"
