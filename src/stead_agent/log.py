"""One JSON object a line on standard error; never inputs, secrets, tokens or keys."""

from __future__ import annotations

import json
import sys


def event(name: str, **facts: object) -> None:
    """Write what happened, in one call so that threads do not mix their lines."""
    line = json.dumps({"event": name, **facts}, ensure_ascii=False, default=str)
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
