"""The watch over an update: runs the program before, and puts it back unless the new one works."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stead_agent import log, process, updating
from stead_agent.store import Store

# The new program gives up by itself first.
SPARE_SECONDS = 15.0
_LOOK_SECONDS = 0.2
_END_SECONDS = 5.0
_RESTART_SECONDS = 60


@dataclass(frozen=True)
class Post:
    """What is watched: the program's file, the process that became it, and for how long."""

    path: Path
    pid: int
    patience: float
    service: bool


def watch(kept: Store, post: Post) -> bool:
    """Return False when the new program works, or somebody else decided; else put back the old.

    True says that the agent does not run any more and has to be started.
    """
    main = _Main(post.pid)
    deadline = time.monotonic() + post.patience + min(SPARE_SECONDS, post.patience)
    while True:
        # Looked at in this order: an agent that ends has written down why before.
        # systemd starts an agent that died again, as another process.
        alive = post.service or main.is_alive()
        record = updating.load(kept)
        if record is None or record.state != updating.TRYING:
            return False
        if not alive or time.monotonic() > deadline:
            break
        threading.Event().wait(_LOOK_SECONDS)
    did = "did not reach" if alive else "ended before it had reached"
    updating.restore(kept, post.path, record, f"The new program {did} the control plane.")
    if post.service:
        return not _restart_service()
    main.end()
    return True


class _Main:
    """The process that became the new program; another one may get its number later."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = _began(pid)

    def is_alive(self) -> bool:
        """Tell whether it runs."""
        return self._began is not None and _began(self._pid) == self._began

    def end(self) -> None:
        """End it, unless it has gone."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + _END_SECONDS
            while _began(self._pid) == self._began is not None and time.monotonic() < deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, number)
                threading.Event().wait(_LOOK_SECONDS)


def _began(pid: int) -> str | None:
    """Return when a process began, in the kernel's words; None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _restart_service() -> bool:
    command = ["/usr/bin/env", "systemctl", "restart", updating.UNIT]
    wrong = process.complaint(command, _RESTART_SECONDS)
    log.event("update.service.restarted", problem=wrong)
    return wrong is None


def start_again(path: Path, words: list[str]) -> NoReturn:
    """Become the agent that was put back."""
    process.become([sys.executable, "-I", "-B", str(path), "run", *words])
