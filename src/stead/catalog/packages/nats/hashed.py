"""Prints the bcrypt hash of $PASSWORD; the one in the file given stays while it fits."""

import crypt
import os
import re
import sys
from pathlib import Path

ROUNDS = 1024


def known(path: str) -> str:
    """Return the hash that an earlier installation wrote, or nothing."""
    try:
        found = re.search(r'"(\$2b\$[^"]+)"', Path(path).read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""


word, before = os.environ["PASSWORD"], known(sys.argv[1])
if before and crypt.crypt(word, before) == before:
    print(before)
else:
    print(crypt.crypt(word, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=ROUNDS)))  # noqa: S324 - bcrypt is what it reads
