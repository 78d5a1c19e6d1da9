"""Signs in to Jupyter like a browser and asks: ask.py ADDRESS METHOD PATH [BODY]."""

import http.cookiejar
import os
import sys
import urllib.parse
import urllib.request

address, method, path, *body = sys.argv[1:]
SERVER = f"http://{address}:8888"
jar = http.cookiejar.CookieJar()
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))


def fetch(path: str, data: bytes | None, headers: dict[str, str], method: str) -> str:
    """Ask with what the browser keeps."""
    request = urllib.request.Request(SERVER + path, data, headers, method=method)
    with browser.open(request, timeout=30) as answer:
        return str(answer.read().decode())


def mark() -> str:
    """Return the word against requests from other sites."""
    return next((one.value or "" for one in jar if one.name == "_xsrf"), "")


fetch("/login", None, {}, "GET")
form = urllib.parse.urlencode({"password": os.environ["PASSWORD"], "_xsrf": mark()})
fetch("/login?next=%2Fapi%2Fstatus", form.encode(), {}, "POST")
headers = {"X-XSRFToken": mark(), "Content-Type": "application/json"}
print(fetch(path, body[0].encode() if body else None, headers, method))
