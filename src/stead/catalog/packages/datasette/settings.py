"""Prints Datasette's metadata; the password becomes a salted hash that stays while it stays."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
from pathlib import Path

ROUNDS = 480_000
PARTS = 4


def hashed(word: str, salt: str) -> str:
    """Return the form in which the plugin stores a password."""
    made = hashlib.pbkdf2_hmac("sha256", word.encode(), salt.encode(), ROUNDS)
    return f"pbkdf2_sha256${ROUNDS}${salt}${base64.b64encode(made).decode()}"


def known(path: str, key: str) -> str:
    """Return what an earlier installation stored, or nothing."""
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        return str(stored["plugins"]["datasette-auth-passwords"][key])
    except (OSError, ValueError, KeyError):
        return ""


name, word = os.environ["USERNAME"], os.environ["PASSWORD"]
key = f"{name}_password_hash"
before = known(sys.argv[1], key)
salt = before.split("$")[2] if before.count("$") == PARTS - 1 else secrets.token_hex(16)
made = hashed(word, salt)
if before and not hmac.compare_digest(made, before):
    made = hashed(word, secrets.token_hex(16))
metadata: dict[str, object] = {"title": os.environ["TITLE"]}
if os.environ.get("OPEN_TO_ALL") != "true":
    metadata["plugins"] = {"datasette-auth-passwords": {"http_basic_auth": True, key: made}}
print(json.dumps(metadata, indent=1))
