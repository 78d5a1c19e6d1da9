"""Prints Verdaccio's files from the environment: settings.py conf, or settings.py people FILE.

The password's bcrypt hash stays while it fits. JSON is YAML, and needs no other quoting.
"""

import crypt
import json
import os
import sys
from pathlib import Path

ROUNDS = 1024


def conf() -> str:
    """Return config.yaml."""
    who = "$all" if os.environ.get("OPEN_TO_ALL") == "true" else "$authenticated"
    rights: dict[str, object] = {
        "access": who,
        "publish": "$authenticated",
        "unpublish": "$authenticated",
    }
    passes_on = os.environ.get("PASS_ON") == "true"
    uplinks = {"upstream": {"url": os.environ["UPSTREAM"], "max_fails": 5, "timeout": "30s"}}
    if passes_on:
        rights["proxy"] = "upstream"
    people = {"file": "/etc/verdaccio/htpasswd", "max_users": -1, "algorithm": "bcrypt"}
    said = {
        "storage": "/var/lib/verdaccio/storage",
        "listen": ["0.0.0.0:4873"],
        "web": {"title": os.environ["TITLE"]},
        "auth": {"htpasswd": people},
        "uplinks": uplinks if passes_on else {},
        "packages": {"@*/*": rights, "**": rights},
        "max_body_size": f"{os.environ['MAX_PACKAGE_MB']}mb",
        "server": {"keepAliveTimeout": 60, "trustProxy": "loopback,linklocal,uniquelocal"},
        "middlewares": {"audit": {"enabled": passes_on}},
        "log": {"type": "stdout", "format": "pretty", "level": "warn"},
    }
    return json.dumps(said, indent=1)


def people(path: str) -> str:
    """Return the file of people: one."""
    name, word, before = os.environ["USERNAME"], os.environ["PASSWORD"], ""
    if Path(path).exists():
        before = Path(path).read_text(encoding="utf-8").partition(":")[2].strip()
    if not before or crypt.crypt(word, before) != before:
        before = crypt.crypt(word, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=ROUNDS))  # noqa: S324 - bcrypt is what it reads
    return f"{name}:{before}"


print(conf() if sys.argv[1] == "conf" else people(sys.argv[2]))
