#!/bin/bash
set -euo pipefail

# ask.sh METHOD PATH [BODY]: through the interface that Syncthing's own page uses.
KEY=$(sed -n 's#.*<apikey>\(.*\)</apikey>.*#\1#p' /var/lib/syncthing/config/config.xml) exec python3 - "$@" <<'PY'
import os, sys, urllib.request
method, path, *body = sys.argv[1:]
request = urllib.request.Request(
    f"http://{os.environ['ADDRESS']}:8384{path}",
    body[0].encode() if body else None,
    {"X-API-Key": os.environ["KEY"], "Content-Type": "application/json"},
    method=method,
)
print(urllib.request.urlopen(request, timeout=20).read().decode())
PY
