"""A job's output on disk: cut into lines, redacted, numbered and bounded; sent from there."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from stead_agent import log
from stead_agent.redaction import Redactor

LINE_LIMIT = 8 * 1024
TOTAL_LIMIT = 8 * 1024 * 1024
LINE_OVERHEAD = 64
CUT = " … (cut: the line is longer than 8 KiB)"
DROPPED = "The rest of the output was dropped: there is more than 8 MiB of it."

_BREAK = re.compile(rb"\r\n|\n|\r")


class Spool:
    """Writes output.jsonl; both streams and the agent's own remarks are numbered in one row."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._now = now
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._sequence = 0
        self._left = TOTAL_LIMIT
        self.grown = threading.Event()

    def append(self, stream: str, text: str) -> None:
        """Keep a line, or say once that the rest is dropped."""
        with self._lock:
            if self._left < 0:
                return
            self._left -= len(text.encode(errors="replace")) + LINE_OVERHEAD
            if self._left < 0:
                stream, text = "agent", DROPPED
            self._sequence += 1
            line = {"seq": self._sequence, "stream": stream, "at": self._now(), "text": text}
            self._write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.grown.set()

    def _write(self, raw: bytes) -> None:
        try:
            while raw:
                raw = raw[self._file.write(raw) :]
        except (OSError, ValueError) as error:
            # A full disk must not end the script's pipes: it would fail for another reason.
            self._left = -1
            log.event("output.lost", reason=type(error).__name__)

    def close(self) -> None:
        """Give the file back; what is in it stays."""
        self._file.close()


class Assembler:
    """Turns the chunks of one stream into whole lines in the spool, in bounded memory."""

    def __init__(self, spool: Spool, stream: str, redactor: Redactor) -> None:
        self._spool = spool
        self._stream = stream
        self._redactor = redactor
        self._room = LINE_LIMIT + redactor.longest
        self._line = bytearray()
        self._lost = False
        self._after_return = False

    def feed(self, chunk: bytes) -> None:
        """Take what was read; a line is written when its end is seen."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r") or (self._after_return and not chunk)
        *whole, rest = _BREAK.split(chunk)
        for piece in whole:
            self._extend(piece)
            self._finish()
        self._extend(rest)

    def end(self) -> None:
        """Write what came after the last line break."""
        if self._line:
            self._finish()

    def _extend(self, piece: bytes) -> None:
        fits = self._room - len(self._line)
        self._line += piece[:fits]
        self._lost = self._lost or len(piece) > fits

    def _finish(self) -> None:
        raw = bytes(self._line)
        masked, stop = self._redactor.redact(raw, LINE_LIMIT)
        # Many short secrets make a line longer than it was.
        cut = self._lost or stop < len(raw) or len(masked) > LINE_LIMIT
        text = masked[:LINE_LIMIT].decode(errors="replace").replace("\0", "\ufffd")
        self._spool.append(self._stream, text + CUT if cut else text)
        self._line.clear()
        self._lost = False


class Reader:
    """Reads output.jsonl from any sequence number on; used by whoever sends it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._sequence = 1

    def lines(self, first: int, *, count: int, size: int) -> list[dict[str, object]]:
        """Return whole lines from sequence number first on, at most so many and so large."""
        if first < self._sequence:
            self._offset, self._sequence = 0, 1
        found: list[dict[str, object]] = []
        try:
            with self._path.open("rb") as file:
                self._collect(file, first, found, (count, size))
        except FileNotFoundError:
            return []
        return found

    def _collect(
        self, file: BinaryIO, first: int, found: list[dict[str, object]], most: tuple[int, int]
    ) -> None:
        count, left = most
        file.seek(self._offset)
        while len(found) < count:
            raw = file.readline()
            left -= len(raw)
            if not raw.endswith(b"\n") or (found and left < 0):
                return
            if self._sequence < first:
                left += len(raw)
            elif not _append(raw, found):
                return
            self._offset += len(raw)
            self._sequence += 1


def _append(raw: bytes, found: list[dict[str, object]]) -> bool:
    """Add the line; False when a crash of the machine left something else in its place."""
    try:
        found.append(json.loads(raw))
    except ValueError:
        return False
    return True
