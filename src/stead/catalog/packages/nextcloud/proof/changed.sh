#!/bin/bash
set -euo pipefail

# One byte more than the limit is refused by its length alone.
exec python3 - <<'PY'
import http.client, os, sys
limit = int(os.environ["MAX_UPLOAD_MB"]) * 1024 * 1024
server = http.client.HTTPConnection(os.environ["ADDRESS"], timeout=5)
server.putrequest("POST", "/")
server.putheader("Content-Length", str(limit + 1))
server.endheaders()
sys.exit(server.getresponse().status != 413)
PY
