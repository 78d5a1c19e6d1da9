#!/bin/bash
set -euo pipefail
. ./stead.sh

compgen -G "$BACKUP/*.db" >/dev/null || fail 1 "the backup has no databases in $BACKUP"
for path in "$BACKUP"/*.db; do
    [ "$(python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA quick_check").fetchone()[0])' "$path")" = ok ] ||
        fail 1 "the copy $(basename "$path") is damaged"
done
progress 20 "Stopping Datasette"
service stop datasette || fail 3 "Datasette does not stop"
find /var/lib/datasette -mindepth 1 -delete
install -m 0640 -o datasette -g datasette "$BACKUP"/*.db /var/lib/datasette/
progress 60 "Starting Datasette"
service start datasette || fail 3 "Datasette does not start"
wait_for 60 ./check.sh || fail 3 "Datasette does not answer"
progress 100 "Restored"
