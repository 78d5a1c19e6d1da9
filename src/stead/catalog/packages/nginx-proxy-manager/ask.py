"""Asks the proxy as its administrator: ask.py ADDRESS METHOD PATH [BODY]."""

import json
import os
import sys
import urllib.request

address, method, path, *body = sys.argv[1:]


def fetch(method: str, path: str, data: bytes | None, grant: str = "") -> bytes:
    """Ask the interface of the page."""
    headers = {"Content-Type": "application/json"}
    if grant:
        headers["Authorization"] = f"Bearer {grant}"
    request = urllib.request.Request(f"http://{address}:81{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


who = {"identity": os.environ["ADMIN_EMAIL"], "secret": os.environ["PASSWORD"]}
grant = json.loads(fetch("POST", "/api/tokens", json.dumps(who).encode()))["token"]
print(fetch(method, path, body[0].encode() if body else None, grant).decode())
