"""Prints the definitions that RabbitMQ loads when it starts: one user, who may do everything.

The password's salted hash stays while the password does.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path

SALT = 4
ALGORITHM = "rabbit_password_hashing_sha256"


def hashed(word: str, salt: bytes) -> str:
    """Return the form in which RabbitMQ keeps a password."""
    return base64.b64encode(salt + hashlib.sha256(salt + word.encode()).digest()).decode()


def known(path: str) -> str:
    """Return the hash that an earlier installation wrote, or nothing."""
    try:
        return str(json.loads(Path(path).read_text(encoding="utf-8"))["users"][0]["password_hash"])
    except (OSError, ValueError, LookupError):
        return ""


name, word = os.environ["USERNAME"], os.environ["PASSWORD"]
before = known(sys.argv[1])
if not before or hashed(word, base64.b64decode(before)[:SALT]) != before:
    before = hashed(word, secrets.token_bytes(SALT))
user = {"name": name, "password_hash": before, "hashing_algorithm": ALGORITHM}
may = {"user": name, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
said = {
    "users": [{**user, "tags": ["administrator"]}],
    "vhosts": [{"name": "/"}],
    "permissions": [may],
}
print(json.dumps(said, indent=1))
