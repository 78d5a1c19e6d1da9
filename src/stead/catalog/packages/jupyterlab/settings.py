"""Prints Jupyter's settings from the environment; the password's hash stays while it fits."""

import json
import os
import sys
from pathlib import Path

from jupyter_server.auth.security import (  # type: ignore[import-not-found] # it runs in the guest
    passwd,
    passwd_check,
)

HASH = "hashed_password"

try:
    stored = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    before = str(stored["PasswordIdentityProvider"][HASH])
except (OSError, ValueError, LookupError):
    before = ""
word = os.environ["PASSWORD"]
if not before or not passwd_check(before, word):
    before = passwd(word)
said = {
    "PasswordIdentityProvider": {HASH: before, "password_required": True},
    "ServerApp": {
        "ip": "0.0.0.0",  # noqa: S104 - the edge and the project reach it
        "port": 8888,
        "port_retries": 0,
        "open_browser": False,
        "root_dir": "/var/lib/jupyter/notebooks",
        "allow_remote_access": True,
        "trust_xheaders": True,
        "terminals_enabled": os.environ.get("TERMINALS") == "true",
        "quit_button": False,
    },
    "LabApp": {"check_for_updates_class": "jupyterlab.NeverCheckForUpdate", "news_url": None},
}
print(json.dumps(said, indent=1))
