"""Signs in to the wiki like a person: wiki.py write or read, with $MARKER as a page."""

import http.cookiejar
import os
import re
import sys
import urllib.parse
import urllib.request

WIKI = f"http://{os.environ['ADDRESS']}/doku.php"
browser = urllib.request.build_opener(
    urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
)


def fetch(fields: dict[str, str], *, send: bool = False) -> str:
    """Ask as the person who signed in."""
    data = urllib.parse.urlencode(fields)
    place = WIKI if send else f"{WIKI}?{data}"
    with browser.open(place, data.encode() if send else None, timeout=30) as answer:
        return str(answer.read().decode())


def hidden(page: str) -> dict[str, str]:
    """Return what a page's forms carry along."""
    tags = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
    found = {}
    for tag in tags:
        parts = dict(re.findall(r'(name|value)="([^"]*)"', tag))
        found[parts["name"]] = parts.get("value", "")
    return found


if sys.argv[1] == "read" and os.environ["MARKER"] in fetch({"id": "marker"}):
    sys.exit("the closed wiki shows the page to everybody")
login = hidden(fetch({"id": "start", "do": "login"}))
who = {"u": os.environ["ADMIN_USER"], "p": os.environ["PASSWORD"]}
fetch({**login, "id": "start", "do": "login", **who}, send=True)
if sys.argv[1] == "write":
    form = hidden(fetch({"id": "marker", "do": "edit"}))
    fetch({**form, "id": "marker", "wikitext": os.environ["MARKER"], "do[save]": "1"}, send=True)
sys.exit(os.environ["MARKER"] not in fetch({"id": "marker"}))
