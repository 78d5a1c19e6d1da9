"""Replaces the agent's own program, and returns to the one before unless the new one works.

The old program checks the new one, keeps itself beside it, leaves a watch behind that runs its
own code, and becomes the new one. That has to reach the control plane in time; otherwise it
returns by itself, or the watch sees to it, also when the new program crashes or is killed.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NoReturn

from stead_agent import log, process, store
from stead_agent.job import RefusedError, Ticket
from stead_agent.transport import Line

PROGRAM_LIMIT = 4 * 1024 * 1024
TRIAL_SECONDS = 30
UNIT = "stead-agent.service"
PATIENCE_SECONDS = 90.0
TRYING, STOPPED, RETURNED = "trying", "stopped", "returned"


class RestartError(Exception):
    """The new program is in place: the agent has to become it now."""


@dataclass(frozen=True)
class Record:
    """The content of update.json: which job asks for which program, and how that stands."""

    job: str
    attempt: int
    digest: str
    state: str = TRYING
    reason: str = ""

    def save(self, kept: store.Store) -> None:
        """Write it durably."""
        store.write(kept.update, asdict(self))

    def names(self, ticket: Ticket) -> bool:
        """Tell whether this is the job that asks for the update."""
        return (self.job, self.attempt) == (ticket.job, ticket.attempt)


def load(kept: store.Store) -> Record | None:
    """Return the update that has not ended, if there is one."""
    raw = store.read(kept.update)
    texts = {name: (raw or {}).get(name) for name in ("job", "digest", "state", "reason")}
    attempt = (raw or {}).get("attempt")
    if not isinstance(attempt, int) or not all(isinstance(one, str) for one in texts.values()):
        return None
    return Record(attempt=attempt, **{name: str(text) for name, text in texts.items()})


def program() -> Path:
    """Return the file that this agent runs from."""
    return Path(sys.argv[0]).resolve()


def previous(path: Path) -> Path:
    """Return where the program before is kept."""
    return path.with_name(path.name + ".previous")


def own_digest() -> str:
    """Return what tells this program apart; nothing when it is not one file."""
    try:
        return hashlib.sha256(program().read_bytes()).hexdigest()
    except OSError:
        return ""


def prepare(line: Line, values: Mapping[str, str]) -> Path:
    """Fetch the new program and see that it starts. Raises RefusedError, UnreachableError."""
    path, digest = program(), values["sha256"]
    if not path.is_file():
        raise RefusedError("This agent does not run from one file, so it cannot replace it.")
    draft = path.with_name(path.name + ".new")
    with draft.open("w+b") as sink:
        answer = line.download("/agent/v1/stead-agent.pyz", sink, PROGRAM_LIMIT)
        sink.flush()
        os.fsync(sink.fileno())
    if answer.status != http.client.OK:
        draft.unlink()
        raise RefusedError(f"The program could not be fetched (HTTP {answer.status}).")
    if hashlib.sha256(draft.read_bytes()).hexdigest() != digest:
        draft.unlink()
        raise RefusedError("The program is not the one that was signed: its digest differs.")
    draft.chmod(0o755)
    wrong = process.complaint([sys.executable, "-I", "-B", str(draft), "version"], TRIAL_SECONDS)
    if wrong is not None:
        draft.unlink()
        last = wrong.splitlines()[-1:] or ["it says nothing"]
        raise RefusedError(f"The new program does not start: {last[0][:200]}")
    return draft


def switch(kept: store.Store, ticket: Ticket, draft: Path, patience: float) -> NoReturn:
    """Put the new program in place, watched. Raises RestartError, or OSError before anything."""
    path = program()
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    _put(path, previous(path))
    Record(ticket.job, ticket.attempt, digest).save(kept)
    _watch(path, patience)
    draft.replace(path)
    store.sync_folder(path.parent)
    raise RestartError


def become() -> NoReturn:
    """Turn this process into the program that is in place now; its arguments stay."""
    log.event("agent.restarting")
    process.become([sys.executable, "-I", "-B", str(program()), *sys.argv[1:]])


def give_back(kept: store.Store, reason: str) -> bool:
    """Put the program before in place again; False when there is none."""
    path, record = program(), load(kept)
    if record is None or not previous(path).is_file():
        return False
    restore(kept, path, record, reason)
    return True


def restore(kept: store.Store, path: Path, record: Record, reason: str) -> None:
    """Put the program before in place again and say why; twice is fine."""
    log.event("update.returned", job=record.job, reason=reason)
    replace(record, state=RETURNED, reason=reason).save(kept)
    _put(previous(path), path)


def stop(kept: store.Store) -> None:
    """Note that somebody stops the agent, so that the watch does not start it again."""
    record = load(kept)
    if record is not None and record.state == TRYING:
        replace(record, state=STOPPED).save(kept)


def _put(source: Path, target: Path) -> None:
    """Copy a program so that there is always a whole one in its place."""
    draft = target.with_name(target.name + ".copy")
    shutil.copyfile(source, draft)
    draft.chmod(0o755)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(target)
    store.sync_folder(target.parent)


def _watch(path: Path, patience: float) -> None:
    """Leave somebody behind who does not depend on the new program."""
    words = [sys.executable, "-I", "-B", str(previous(path)), "watch", *sys.argv[2:]]
    words += ["--program", str(path), "--pid", str(os.getpid()), "--patience", str(patience)]
    if not _is_service():
        process.leave_behind(words)
        return
    # A process of our own would be ended with us.
    run = ["/usr/bin/env", "systemd-run", "--collect", "--quiet", *words, "--service"]
    wrong = process.complaint(run, TRIAL_SECONDS)
    if wrong is not None:
        raise OSError(0, f"the watch cannot be started: {wrong[:200]}")


def _is_service() -> bool:
    try:
        return UNIT in Path("/proc/self/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False
