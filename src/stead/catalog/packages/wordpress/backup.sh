#!/bin/bash
set -euo pipefail
. ./stead.sh
. ./names.sh

begin_backup
progress 10 "Copying the database"
mariadb-dump --protocol=socket -u root --single-transaction --quick --routines --triggers --hex-blob \
    --add-drop-database --databases wordpress >"$BACKUP/wordpress.sql" ||
    fail 2 "the database cannot be copied"
progress 50 "Copying files"
tar -C $CONTENT -cf "$BACKUP/content.tar" .
progress 100 "Backed up"
