"""The end of the chain, told outside the database: a file that only grows, and syslog.

Whoever can rewrite the database cannot take back what was told here.
"""

import json
import logging.handlers
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from typing_extensions import override

from stead.core import log
from stead.kit import clock

EVERY: Final = 100
_PRIVATE: Final = 0o600
_PORT: Final = 514
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """An end of the chain as it was seen once."""

    epoch: int
    seq: int
    hash: str


class BrokenHeadError(Exception):
    """A line of the file of heads cannot be read."""


class Heads:
    """Tells ends of the chain to a file and, when it has an address, to syslog."""

    def __init__(self, path: Path, syslog: str = "") -> None:
        self.path = path
        self._syslog = syslog

    def tell(self, head: Head) -> None:
        """Add a head; a failure is logged, for the deed itself is done."""
        fact = {"at": clock.utc_now().isoformat(), "epoch": head.epoch, "seq": head.seq}
        line = json.dumps(fact | {"hash": head.hash})
        try:
            self._append(line + "\n")
        except OSError as error:
            logger.warning("audit.head.lost", reason=str(error), seq=head.seq)
        if self._syslog:
            self._send(line)

    def read(self) -> Iterator[Head]:
        """Yield every head that was told, oldest first. Raises BrokenHeadError."""
        if not self.path.exists():
            return
        for number, line in enumerate(self.path.read_text(errors="replace").splitlines(), 1):
            try:
                found = json.loads(line)
                yield Head(int(found["epoch"]), int(found["seq"]), str(found["hash"]))
            except (ValueError, KeyError, TypeError) as error:
                raise BrokenHeadError(f"line {number} of {self.path} cannot be read") from error

    def _append(self, line: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self.path, flags, _PRIVATE)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _send(self, line: str) -> None:
        try:
            handler = _Syslog(_address(self._syslog))
        except OSError as error:
            logger.warning("audit.syslog.lost", reason=str(error))
            return
        handler.ident = "stead-audit: "
        handler.emit(logging.LogRecord("audit", logging.INFO, "", 0, line, None, None))
        handler.close()


class _Syslog(logging.handlers.SysLogHandler):
    @override
    def handleError(self, record: logging.LogRecord) -> None:
        # What cannot be sent must not stop what was done; the file has it too.
        logger.warning("audit.syslog.lost", reason="the address does not take messages")


def _address(given: str) -> str | tuple[str, int]:
    """Return a socket's path, or host and port of a server that listens on UDP."""
    if given.startswith("/"):
        return given
    host, _, port = given.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (given, _PORT)
