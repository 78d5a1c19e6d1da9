#!/bin/bash
set -euo pipefail

# A silence, made the way Alertmanager's own page makes one.
exec python3 - <<'PY'
import base64, datetime, json, os, urllib.request
now = datetime.datetime.now(datetime.timezone.utc)
silence = {
    "matchers": [{"name": "alertname", "value": "Proof", "isRegex": False}],
    "startsAt": now.isoformat(),
    "endsAt": (now + datetime.timedelta(days=1)).isoformat(),
    "createdBy": "proof",
    "comment": os.environ["MARKER"],
}
who = base64.b64encode(f"{os.environ['USERNAME']}:{os.environ['PASSWORD']}".encode()).decode()
request = urllib.request.Request(
    f"http://{os.environ['ADDRESS']}:9093/api/v2/silences",
    json.dumps(silence).encode(),
    {"Content-Type": "application/json", "Authorization": f"Basic {who}"},
)
urllib.request.urlopen(request, timeout=20).read()
PY
