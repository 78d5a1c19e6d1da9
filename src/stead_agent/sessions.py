"""Finds and ends the processes of a script: those of its session and of its control group."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stead_agent import cgroups

PROC = Path("/proc")
_MARK = b"PROVISIONING_JOB=true"
_DEAD = ("Z", "X", "x")
_LOOK_SECONDS = 0.02
_KILL_SECONDS = 15.0


@dataclass(frozen=True)
class Session:
    """A script's process, told from a later one with the same number by its start and boot."""

    leader: int
    started: int
    boot: str
    group: Path | None

    def record(self) -> dict[str, object]:
        """Return what finds it again after a restart of the agent."""
        group = None if self.group is None else str(self.group)
        return {"pid": self.leader, "start": self.started, "boot": self.boot, "cgroup": group}

    def members(self) -> set[int]:
        """Return the live processes of the session and of the control group."""
        found = {pid for pid in _pids() if _is_in(pid, self.leader)}
        return found | {pid for pid in cgroups.members(self.group) if _live_state(pid)}

    def leftovers(self) -> set[int]:
        """Return the members after a restart, leaving out what only has the same numbers."""
        if self.boot != boot_id():
            return set()
        stat = _stat(self.leader)
        reused = stat is not None and _start(stat) != self.started
        grouped = cgroups.members(self.group)
        if reused:
            return grouped
        return {pid for pid in self.members() if pid in grouped or _is_marked(pid)}


def of(leader: int, group: Path | None) -> Session:
    """Return the session of a process that was just started."""
    stat = _stat(leader)
    return Session(leader, _start(stat) if stat else 0, boot_id(), group)


def parse(record: Mapping[str, object] | None) -> Session | None:
    """Return the session in a record, or None."""
    record = record or {}
    pid, start, boot = record.get("pid"), record.get("start"), record.get("boot")
    group = record.get("cgroup")
    if not isinstance(pid, int) or not isinstance(start, int) or not isinstance(boot, str):
        return None
    return Session(pid, start, boot, Path(group) if isinstance(group, str) else None)


def end(
    session: Session,
    find: Callable[[], set[int]],
    pause: Callable[[float], object],
    grace: float,
) -> bool:
    """Send TERM to what `find` returns, and KILL after the grace; False when something remains."""
    _signal(find(), signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (found := find()) and time.monotonic() < deadline:
        pause(_LOOK_SECONDS)
    if found:
        # Otherwise what forks faster than it is killed would outlive every round.
        cgroups.seal(session.group)
    deadline = time.monotonic() + grace + _KILL_SECONDS
    while (found := find()) and time.monotonic() < deadline:
        _signal(found, signal.SIGKILL)
        pause(_LOOK_SECONDS)
    return not found


def boot_id() -> str:
    """Return what differs between two boots of the machine."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir(PROC) if entry.isdigit()]  # noqa: PTH208 - names only, and often


def _stat(pid: int) -> list[str] | None:
    """Return the fields of a process's stat from its state on, or None when there is none."""
    try:
        raw = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return raw.rpartition(")")[2].split()


def _start(stat: list[str]) -> int:
    return int(stat[19])


def _is_in(pid: int, session: int) -> bool:
    stat = _stat(pid)
    return stat is not None and int(stat[3]) == session and stat[0] not in _DEAD


def _live_state(pid: int) -> bool:
    stat = _stat(pid)
    return stat is not None and stat[0] not in _DEAD


def _is_marked(pid: int) -> bool:
    try:
        return _MARK in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
