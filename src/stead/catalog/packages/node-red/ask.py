"""Signs in to Node-RED and asks: ask.py ADDRESS METHOD PATH [BODY] prints the answer."""

import json
import os
import sys
import urllib.parse
import urllib.request

address, method, path, *body = sys.argv[1:]
EDITOR = f"http://{address}:1880"


def fetch(path: str, data: bytes | None, headers: dict[str, str], method: str) -> str:
    """Ask the editor's own interface."""
    request = urllib.request.Request(EDITOR + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


who = {
    "client_id": "node-red-admin",
    "grant_type": "password",
    "scope": "*",
    "username": os.environ["USERNAME"],
    "password": os.environ["PASSWORD"],
}
form = {"Content-Type": "application/x-www-form-urlencoded"}
token = json.loads(fetch("/auth/token", urllib.parse.urlencode(who).encode(), form, "POST"))
headers = {
    "Authorization": f"Bearer {token['access_token']}",
    "Content-Type": "application/json",
    "Node-RED-API-Version": "v2",
}
print(fetch(path, body[0].encode() if body else None, headers, method))
revoke = json.dumps({"token": token["access_token"]}).encode()
fetch("/auth/revoke", revoke, headers, "POST")
