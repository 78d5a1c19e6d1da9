"""Prints what settings.js reads: user, title and a bcrypt hash, kept while it fits."""

import crypt
import json
import os
import sys
from pathlib import Path

ROUNDS = 1024

try:
    before = str(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["user"]["password"])
except (OSError, ValueError, LookupError):
    before = ""
word = os.environ["PASSWORD"]
if not before or crypt.crypt(word, before) != before:
    before = crypt.crypt(word, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=ROUNDS))  # noqa: S324 - bcrypt is what it reads
user = dict([("username", os.environ["USERNAME"]), ("password", before)], permissions="*")
print(json.dumps({"user": user, "title": os.environ["TITLE"]}, indent=1))
