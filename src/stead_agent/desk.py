"""Jobs on disk: what was accepted, how it ended and what the control plane does not know yet."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from stead_agent import log, signing, store
from stead_agent.job import Ticket, UnusableError, parse_ticket

KEEP = 20
REASON_LIMIT = 2000


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as the control plane is told."""

    outcome: str
    exit_code: int | None = None
    reason: str = ""


class JobFolder:
    """The folder of one job and its latest attempt."""

    def __init__(self, path: Path, ticket: Ticket, started: float) -> None:
        self.path = path
        self.ticket = ticket
        self.started = started
        self.output = path / "output.jsonl"
        self.process = path / "process.json"
        self.package = path / "package"
        self._result = path / "result.json"
        self._delivered = path / "delivered"
        self._signed: dict[str, object] | None = None

    def finish(self, ending: Ending, key: str, finished: float) -> None:
        """Sign and keep the result; a full disk only costs its survival of a restart."""
        try:
            store.write(self._result, self.sign(ending, key, finished))
            shutil.rmtree(self.package, ignore_errors=True)
        except OSError as error:
            log.event("result.unsaved", job=self.ticket.job, reason=error.strerror)

    def sign(self, ending: Ending, key: str, finished: float) -> dict[str, object]:
        """Sign the result without keeping it on disk."""
        payload = signing.canonical(
            {
                **asdict(self.ticket),
                **asdict(ending),
                "reason": ending.reason[:REASON_LIMIT],
                "started": self.started,
                "finished": finished,
            }
        )
        self._signed = {"payload": payload, "signature": signing.result_signature(key, payload)}
        return self._signed

    def result(self) -> dict[str, object] | None:
        """Return the signed result, or None while there is none."""
        return self._signed or store.read(self._result)

    def close(self) -> None:
        """Note that nothing of this attempt has to be told any more."""
        try:
            self._delivered.touch(mode=0o600)
            store.sync_folder(self.path)
        except OSError as error:
            log.event("result.unsaved", job=self.ticket.job, reason=error.strerror)

    def is_closed(self) -> bool:
        """Tell whether everything was told."""
        return self._delivered.exists()


class Desk:
    """All job folders; `pending` is kept in the order in which they ended."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._at_work: set[Path] = set()
        self.pending: list[JobFolder] = []

    def open(self, ticket: Ticket, started: float) -> JobFolder:
        """Make the folder of an attempt; what an earlier attempt left is gone afterwards."""
        path = self._root / ticket.job
        with self._lock:
            self._at_work.add(path)
            self.pending = [folder for folder in self.pending if folder.path != path]
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        store.write(path / "job.json", {**asdict(ticket), "started": started})
        store.sync_folder(self._root)
        return JobFolder(path, ticket, started)

    def holds(self, ticket: Ticket) -> bool:
        """Tell whether this or a later attempt at the job is kept here."""
        known = _load(self._root / ticket.job)
        return known is not None and known.ticket.attempt >= ticket.attempt

    def load(self) -> list[JobFolder]:
        """Return the attempts that were not told to their end, oldest first."""
        folders = [_load(path) for path in sorted(self._root.iterdir(), key=_age)]
        return [folder for folder in folders if folder and not folder.is_closed()]

    def keep(self, folder: JobFolder) -> None:
        """Have an attempt that ended told later."""
        with self._lock:
            self._at_work.discard(folder.path)
            self.pending.append(folder)

    def settle(self, folder: JobFolder) -> None:
        """Note that an attempt was told to its end, and tidy up."""
        folder.close()
        with self._lock:
            self._at_work.discard(folder.path)
            self.pending = [one for one in self.pending if one is not folder]
            self._prune()

    def deliver(self, tell: Callable[[JobFolder], None]) -> None:
        """Tell what is pending; an error of `tell` leaves it pending."""
        for folder in list(self.pending):
            tell(folder)
            self.settle(folder)

    def _prune(self) -> None:
        """Keep the newest folders, and all that still have something to tell."""
        open_paths = {folder.path for folder in self.pending} | self._at_work
        paths = sorted(self._root.iterdir(), key=_age, reverse=True)
        for path in paths[KEEP:]:
            if path not in open_paths:
                shutil.rmtree(path, ignore_errors=True)


def _load(path: Path) -> JobFolder | None:
    raw = store.read(path / "job.json") or {}
    started = raw.get("started")
    try:
        ticket = parse_ticket(raw)
    except UnusableError:
        return None
    return JobFolder(path, ticket, float(started) if isinstance(started, (int, float)) else 0.0)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        # Made anew this very moment.
        return float("inf")
