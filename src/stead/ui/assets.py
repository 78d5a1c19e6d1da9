"""Static files of the console, served under a folder that is named after their content."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
CACHE_FOREVER: Final = "public, max-age=31536000, immutable"
_SAID: Final = re.compile(r'\bsay\(\s*"([^"\\]+)"')
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire."""

    content: bytes
    media_type: str


class Assets:
    """All static files in memory. One build id for all, so that modules can import each other."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._files = {
            path.name: Asset(path.read_bytes(), _TYPES[path.suffix])
            for path in sorted(folder.iterdir())
            if path.suffix in _TYPES
        }
        digest = hashlib.sha256()
        for name, asset in self._files.items():
            digest.update(f"{name}:{len(asset.content)}:".encode())
            digest.update(asset.content)
        self.build = digest.hexdigest()[:16]

    @property
    def words(self) -> tuple[str, ...]:
        """Return the messages that scripts show: every literal that is given to say()."""
        code = b"\n".join(f.content for n, f in self._files.items() if n.endswith(".js")).decode()
        return tuple(dict.fromkeys(_SAID.findall(code)))

    def url(self, name: str) -> str:
        """Return where a page finds this file; KeyError is a template's bug."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.build}/{name}"

    def find(self, build: str, name: str) -> Asset | None:
        """Return a file of this very build."""
        return self._files.get(name) if build == self.build else None
