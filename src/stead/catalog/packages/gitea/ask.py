"""Asks Gitea as its administrator: ask.py ADDRESS METHOD PATH [BODY].

PATCH without a body gives the administrator, who still has $THROWAWAY, the password.
"""

import base64
import json
import os
import sys
import urllib.request

WORD = "password"
address, method, path, *body = sys.argv[1:]
name, word = os.environ["ADMIN_USER"], os.environ["PASSWORD"]
if method == "PATCH" and not body:
    fresh = {"source_id": 0, "login_name": name, "must_change_password": False}
    body = [json.dumps({**fresh, WORD: word})]
    word = os.environ["THROWAWAY"]
who = base64.b64encode(f"{name}:{word}".encode()).decode()
request = urllib.request.Request(
    f"http://{address}:3000{path}",
    body[0].encode() if body else None,
    {"Authorization": f"Basic {who}", "Content-Type": "application/json"},
    method=method,
)
with urllib.request.urlopen(request, timeout=20) as answer:
    print(answer.read().decode())
