"""Pure rules of the fleet: who may ask for which job, and when work on many has to stop."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from stead.core.authz import Action
from stead_agent import tasks

LIMITS: Final[Mapping[str, int]] = {"updates": 3600, "command": 300, "update": 600}
LIMIT_SECONDS: Final = 120
# What an agent tells of a machine's size, and the unit in which it does.
_SIZES: Final[Mapping[str, str]] = {"cores": "", "memory_mb": " MB", "disk_mb": " MB"}
_SENSITIVE: Final = frozenset({"file", "update"})


class TargetState(StrEnum):
    """Where one machine stands in work on many."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


def action_for(kind: str, arguments: Mapping[str, object]) -> Action:
    """Return what somebody has to be allowed for a job."""
    if kind in _SENSITIVE:
        return Action.JOB_ADMINISTER
    command = tasks.COMMANDS.get(str(arguments.get("command"))) if kind == "command" else None
    if command is not None and command.least == "maintainer":
        return Action.JOB_ADMINISTER
    return Action.JOB_RUN


def limit_seconds(kind: str) -> int:
    """Return how long a job may take."""
    return LIMITS.get(kind, LIMIT_SECONDS)


def too_many(failed: int, total: int, percent: int) -> bool:
    """Tell whether more of all have failed than is accepted."""
    return failed * 100 > total * percent


def told_size(facts: Mapping[str, str]) -> dict[str, int]:
    """Return how large a machine says it is; an older agent, or a wrong one, says nothing."""
    told = {name: facts.get(name, "") for name in _SIZES}
    return {n: int(t) for n, t in told.items() if t.isascii() and t.isdigit() and int(t)}


def lacking(wanted: Mapping[str, int], size: Mapping[str, int]) -> dict[str, str]:
    """Return what a machine has too little of, each with how much is needed and there is.

    Kernel and file system keep some of what a machine was given, so a tenth less is enough.
    """
    return {
        name: f"It needs {wanted[name]}{_SIZES[name]}; the machine has {has}{_SIZES[name]}"
        for name, has in size.items()
        if has * 10 < wanted[name] * (10 if name == "cores" else 9)
    }
