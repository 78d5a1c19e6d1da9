"""Asks Grafana as its administrator: ask.py ADDRESS METHOD PATH [BODY].

PUT without a body names the organisation as the environment says.
"""

import base64
import json
import os
import sys
import urllib.request

address, method, path, *body = sys.argv[1:]
who = base64.b64encode(f"{os.environ['ADMIN_USER']}:{os.environ['PASSWORD']}".encode()).decode()
if method == "PUT" and not body:
    body = [json.dumps({"name": os.environ["ORG_NAME"]})]
request = urllib.request.Request(
    f"http://{address}:3000{path}",
    body[0].encode() if body else None,
    {"Authorization": f"Basic {who}", "Content-Type": "application/json"},
    method=method,
)
with urllib.request.urlopen(request, timeout=20) as answer:
    print(answer.read().decode())
