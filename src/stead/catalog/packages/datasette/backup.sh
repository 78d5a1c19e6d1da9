#!/bin/bash
set -euo pipefail
. ./stead.sh

begin_backup
progress 10 "Copying databases"
# SQLite's own copy is whole, even while somebody writes.
python3 - "$BACKUP" <<'PY' || fail 2 "the databases cannot be copied"
import pathlib, sqlite3, sys
for path in pathlib.Path("/var/lib/datasette").glob("*.db"):
    with sqlite3.connect(path) as source, sqlite3.connect(f"{sys.argv[1]}/{path.name}") as target:
        source.backup(target)
PY
progress 100 "Backed up"
