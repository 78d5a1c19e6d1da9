"""Speaks to Home Assistant: ask.py ADDRESS own, or as the owner ADDRESS METHOD PATH [BODY]."""

import json
import os
import sys
import urllib.parse
import urllib.request

address, what, *rest = sys.argv[1:]
HOME = f"http://{address}:8123"
FIELD = "password"
NAME, WORD = os.environ["ADMIN_USER"], os.environ["PASSWORD"]


def fetch(
    method: str, path: str, data: object = None, headers: dict[str, str] | None = None
) -> bytes:
    """Ask, with a form or with JSON."""
    kind = "application/json"
    body = None if data is None else json.dumps(data).encode()
    if isinstance(data, str):
        kind, body = "application/x-www-form-urlencoded", data.encode()
    request = urllib.request.Request(
        HOME + path, body, {"Content-Type": kind, **(headers or {})}, method=method
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())


def bearer(code: str) -> dict[str, str]:
    """Turn a code into what signs requests."""
    form = {"grant_type": "authorization_code", "code": code, "client_id": f"{HOME}/"}
    said = json.loads(fetch("POST", "/auth/token", urllib.parse.urlencode(form)))
    return {"Authorization": f"Bearer {said['access_token']}"}


def own() -> None:
    """Create the owner and pass over the other questions of the first start."""
    who = {"client_id": f"{HOME}/", "name": NAME, "username": NAME, "language": "en"}
    made = json.loads(fetch("POST", "/api/onboarding/users", {**who, FIELD: WORD}))
    signed = bearer(made["auth_code"])
    for step in ("core_config", "analytics"):
        fetch("POST", f"/api/onboarding/{step}", {}, signed)
    back = {"client_id": f"{HOME}/", "redirect_uri": f"{HOME}/"}
    fetch("POST", "/api/onboarding/integration", back, signed)


def sign_in() -> dict[str, str]:
    """Sign in like the page does."""
    flow = {
        "client_id": f"{HOME}/",
        "redirect_uri": f"{HOME}/",
        "handler": ["homeassistant", None],
    }
    begun = json.loads(fetch("POST", "/auth/login_flow", flow))
    answer = {"client_id": f"{HOME}/", "username": NAME, FIELD: WORD}
    ended = json.loads(fetch("POST", f"/auth/login_flow/{begun['flow_id']}", answer))
    return bearer(ended["result"])


if what == "own":
    own()
else:
    path, *body = rest
    print(fetch(what, path, json.loads(body[0]) if body else None, sign_in()).decode())
