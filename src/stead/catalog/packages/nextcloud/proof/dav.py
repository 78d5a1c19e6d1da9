"""Uses Nextcloud's files like a client does: dav.py PUT or dav.py GET, with $MARKER in a file."""

import base64
import os
import sys
import urllib.request

name = os.environ["ADMIN_USER"]
who = base64.b64encode(f"{name}:{os.environ['PASSWORD']}".encode()).decode()
request = urllib.request.Request(
    f"http://{os.environ['ADDRESS']}/remote.php/dav/files/{name}/marker.txt",
    os.environ["MARKER"].encode() if sys.argv[1] == "PUT" else None,
    {"Authorization": f"Basic {who}", "Host": "localhost"},
    method=sys.argv[1],
)
with urllib.request.urlopen(request, timeout=30) as answer:
    said = answer.read().decode()
sys.exit(sys.argv[1] == "GET" and said != os.environ["MARKER"])
