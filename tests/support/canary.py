"""Looks for secrets where they must not be: in files, copies, output and process lists."""

import base64
import gzip
import io
import json
import tarfile
import threading
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Self

_GZIP: Final = b"\x1f\x8b"
_TAR_MARK: Final = (257, b"ustar")
_DEPTH: Final = 4


@dataclass(frozen=True)
class Mark:
    """A secret, and the only files that may hold it, by the end of their path."""

    name: str
    value: str
    homes: tuple[str, ...] = ()

    @cached_property
    def spellings(self) -> dict[str, bytes]:
        """Return how the secret may be written down."""
        plain = self.value.encode()
        found = {
            "plain": plain,
            "hex": plain.hex().encode(),
            "HEX": plain.hex().upper().encode(),
            "json": json.dumps(self.value)[1:-1].encode(),
            "json as it is": json.dumps(self.value, ensure_ascii=False)[1:-1].encode(),
            "json in json": json.dumps(json.dumps(self.value)[1:-1])[1:-1].encode(),
            "url": urllib.parse.quote(self.value, safe="").encode(),
            "form": urllib.parse.quote_plus(self.value).encode(),
            "reversed": plain[::-1],
            "utf-16": self.value.encode("utf-16-le"),
        }
        for offset in range(3):
            # Wherever in an encoded text it begins; its first and last digits depend on others.
            padded = base64.b64encode(b"\0" * offset + plain)
            first = (0, 2, 3)[offset]
            inner = padded[first : len(padded) - 4]
            found[f"base64 at {offset}"] = inner
            found[f"base64url at {offset}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
        return found


@dataclass
class Hunt:
    """Searches for marks; remembers every hit as words."""

    marks: list[Mark]
    hits: list[str] = field(default_factory=list)
    searched: int = 0

    def content(self, where: str, content: bytes, depth: int = 0) -> None:
        """Search some bytes, and what is packed in them."""
        self.searched += len(content)
        for mark in self.marks:
            if where.endswith(mark.homes) if mark.homes else False:
                continue
            for spelling, wanted in mark.spellings.items():
                if wanted in content:
                    self.hits.append(f"{mark.name} ({spelling}) in {where}")
                    break
        if depth < _DEPTH:
            for name, inner in _unpacked(content):
                self.content(f"{where}!{name}", inner, depth + 1)

    def folder(self, folder: Path, *, without: Iterable[str] = ()) -> None:
        """Search every file below a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not str(path).endswith(tuple(without)):
                self.content(str(path.relative_to(folder)), path.read_bytes())

    def processes(self, ours: Iterable[int]) -> None:
        """Search every process's command line, and the environment of ours and their children."""
        family = set(ours)
        for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda one: int(one.name)):
            try:
                self.content(f"{process}/cmdline", (process / "cmdline").read_bytes())
                if _parent(process) in family or int(process.name) in family:
                    family.add(int(process.name))
                    self.content(f"{process}/environ", (process / "environ").read_bytes())
            except OSError:
                continue  # it has ended meanwhile


class Watch:
    """Looks at the process list again and again while something happens."""

    def __init__(self, hunt: Hunt, ours: Iterable[int]) -> None:
        self._hunt = hunt
        self._ours = list(ours)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.2):
            self._hunt.processes(self._ours)
            self.looks += 1


def _parent(process: Path) -> int:
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content.startswith(_GZIP):
        try:
            yield "gunzipped", gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
    at, magic = _TAR_MARK
    if content[at : at + len(magic)] == magic:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                if file is not None:
                    yield member.name, file.read()
