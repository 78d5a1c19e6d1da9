"""Asks the interface of RabbitMQ's pages: ask.py METHOD PATH [BODY] prints the answer."""

import base64
import os
import sys
import urllib.request

method, path, *body = sys.argv[1:]
who = base64.b64encode(f"{os.environ['USERNAME']}:{os.environ['PASSWORD']}".encode()).decode()
request = urllib.request.Request(
    f"http://{os.environ['ADDRESS']}:15672/api{path}",
    body[0].encode() if body else None,
    {"Authorization": f"Basic {who}", "Content-Type": "application/json"},
    method=method,
)
print(urllib.request.urlopen(request, timeout=30).read().decode())
