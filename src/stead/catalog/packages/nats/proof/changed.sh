#!/bin/bash
set -euo pipefail

# The server says its limit to everybody who connects.
exec python3 - <<'PY'
import json, os, socket, sys
with socket.create_connection((os.environ["ADDRESS"], 4222), timeout=10) as wire:
    said = json.loads(wire.makefile("rb").readline().removeprefix(b"INFO "))
sys.exit(said["max_payload"] != int(os.environ["MAX_PAYLOAD_KB"]) * 1024)
PY
