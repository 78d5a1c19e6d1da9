"""Bad days as data: rules that say which call meets which fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, Protocol

from stead.engines.errors import InvalidError


class Effect(StrEnum):
    """What a fault does to a call.

    ``unreachable`` and ``locked`` refuse it; ``latency`` answers ``seconds`` later;
    ``lost_answer`` does what was asked and loses the answer; ``task_failed`` and
    ``storage_full`` let the accepted task fail; ``node_lost`` takes the guest's node away, for
    ``seconds`` or for good; ``stale_inventory`` answers with the inventory of the time before.
    """

    UNREACHABLE = "unreachable"
    LATENCY = "latency"
    LOCKED = "locked"
    TASK_FAILED = "task_failed"
    STORAGE_FULL = "storage_full"
    LOST_ANSWER = "lost_answer"
    NODE_LOST = "node_lost"
    STALE_INVENTORY = "stale_inventory"


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. ``method`` and ``name`` are patterns of a port method and of a guest.

    It meets the calls from the ``occurrence``-th match on, ``times`` of them.
    """

    effect: Effect
    method: str = "*"
    name: str = "*"
    occurrence: int = 1
    times: int = 1
    seconds: float = 0


class FaultSource(Protocol):
    """Decides for each call, in the order of the calls, whether it meets a fault."""

    def meet(self, method: str, name: str) -> Fault | None:
        """Return the fault that this call meets, if any."""
        ...


class FaultPlan:
    """Rules and how often each has matched; the first rule that fires wins."""

    def __init__(self, rules: Sequence[Fault] = ()) -> None:
        self._rules: list[Fault] = list(rules)
        self._seen: list[int] = [0] * len(self._rules)

    def add(self, rule: Fault) -> None:
        """Add a rule; it counts matches from now on."""
        self._rules.append(rule)
        self._seen.append(0)

    def meet(self, method: str, name: str) -> Fault | None:
        """Count the call for every rule that it matches; return the one that fires."""
        met: Fault | None = None
        for index, rule in enumerate(self._rules):
            if fnmatchcase(method, rule.method) and fnmatchcase(name, rule.name):
                self._seen[index] += 1
                past = self._seen[index] - rule.occurrence
                if met is None and 0 <= past < rule.times:
                    met = rule
        return met


_FIELDS: Final = {field.name for field in fields(Fault)}


def parse(rows: Sequence[Mapping[str, object]]) -> list[Fault]:
    """Return the rules of a list of tables, as they stand in a JSON file. Raises Invalid."""
    return [_rule(row) for row in rows]


def _rule(row: Mapping[str, object]) -> Fault:
    unknown = set(row) - _FIELDS
    if unknown:
        raise InvalidError(f"A fault has no {min(unknown)!r}")
    try:
        return Fault(
            effect=Effect(str(row.get("effect"))),
            method=str(row.get("method", "*")),
            name=str(row.get("name", "*")),
            occurrence=int(str(row.get("occurrence", 1))),
            times=int(str(row.get("times", 1))),
            seconds=float(str(row.get("seconds", 0))),
        )
    except ValueError as error:
        raise InvalidError(f"This is no fault: {error}") from error
