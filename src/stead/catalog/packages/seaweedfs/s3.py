"""Speaks S3: s3.py ADDRESS METHOD PATH [BODY] prints the answer; keys by environment."""

import datetime as dt
import hashlib
import hmac
import os
import sys
import urllib.request

address, method, path, *rest = sys.argv[1:]
body = rest[0].encode() if rest else b""
host = f"{address}:8333"
now = dt.datetime.now(dt.timezone.utc)  # noqa: UP017 - also for Python 3.9
day, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
digest = hashlib.sha256(body).hexdigest()
signed = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": moment}
names = ";".join(signed)
lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
place, _, query = path.partition("?")
asked = f"{method}\n{place}\n{query}\n{lines}\n{names}\n{digest}"
scope = f"{day}/us-east-1/s3/aws4_request"
told = hashlib.sha256(asked.encode()).hexdigest()
key = f"AWS4{os.environ['PASSWORD']}".encode()
for word in scope.split("/"):
    key = hmac.new(key, word.encode(), "sha256").digest()
words = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{told}"
signature = hmac.new(key, words.encode(), "sha256").hexdigest()
who = f"Credential={os.environ['USERNAME']}/{scope}"
headers = {
    **signed,
    "Authorization": f"AWS4-HMAC-SHA256 {who}, SignedHeaders={names}, Signature={signature}",
}
request = urllib.request.Request(f"http://{host}{path}", body or None, headers, method=method)
with urllib.request.urlopen(request, timeout=20) as answer:
    sys.stdout.write(answer.read().decode())
