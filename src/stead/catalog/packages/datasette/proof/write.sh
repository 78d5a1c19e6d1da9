#!/bin/bash
set -euo pipefail

# Datasette only reads: what it shows is written into the files, with SQLite.
runuser -u datasette -- env MARKER="$MARKER" python3 - <<'PY'
import os, sqlite3
with sqlite3.connect("/var/lib/datasette/data.db") as database:
    database.execute("CREATE TABLE IF NOT EXISTS marker (word TEXT)")
    database.execute("INSERT INTO marker VALUES (?)", [os.environ["MARKER"]])
PY
