"""Signs in to the site like a person: site.py write or read, with $MARKER as a post."""

import http.cookiejar
import json
import os
import sys
import urllib.parse
import urllib.request

SITE = f"http://{os.environ['ADDRESS']}"
browser = urllib.request.build_opener(
    urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
)


def fetch(
    path: str, fields: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> str:
    """Ask as the person who signed in."""
    data = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(SITE + path, data, headers or {})
    with browser.open(request, timeout=30) as answer:
        return str(answer.read().decode())


if sys.argv[1] == "write":
    fetch("/wp-login.php")
    fetch(
        "/wp-login.php",
        {
            "log": os.environ["ADMIN_USER"],
            "pwd": os.environ["PASSWORD"],
            "wp-submit": "Log In",
            "testcookie": "1",
        },
    )
    nonce = fetch("/wp-admin/admin-ajax.php?action=rest-nonce")
    post = {"title": "A marker", "content": os.environ["MARKER"], "status": "publish"}
    made = json.loads(fetch("/?rest_route=/wp/v2/posts", post, {"X-WP-Nonce": nonce}))
    sys.exit(made["status"] != "publish")
sys.exit(os.environ["MARKER"] not in fetch("/?s=marker&feed=rss2"))
