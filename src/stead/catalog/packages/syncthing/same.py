"""Tells whether two documents say the same, however they are written: same.py FILE <OTHER."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def plain(text: str) -> str:
    """Return a document without what only its layout is."""
    return ET.canonicalize(text, strip_text=True)


sys.exit(plain(Path(sys.argv[1]).read_text(encoding="utf-8")) != plain(sys.stdin.read()))
