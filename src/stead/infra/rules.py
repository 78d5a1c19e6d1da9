"""Pure rules of the inventory: what a guest that was seen means against the claim on it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

Definition: TypeAlias = dict[str, int | str | list[str]]
# A guest is gone once this many complete looks in a row did not find it.
GONE_AFTER: Final = 2


class Mode(StrEnum):
    """What Stead does with a cluster. An embedded one is named by the server's settings."""

    EMBEDDED = "embedded"
    READ_ONLY = "read_only"
    MANAGED = "managed"


class Standing(StrEnum):
    """What a guest on a cluster is to us. Released ones are shown to nobody: we deleted them."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    LOST = "lost"
    CHANGED = "changed"
    MOVED = "moved"
    UNREACHABLE = "unreachable"
    RELEASED = "released"


SHOWN: Final = tuple(one for one in Standing if one is not Standing.RELEASED)


class Wanted(StrEnum):
    """How we last left a guest. ``ANY`` says that an operation has it in hand right now."""

    UNSET = ""
    ANY = "any"
    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"


IN_HAND: Final = frozenset({Wanted.ANY, Wanted.ABSENT})
# What an engine says of a guest whose node is not heard from; nothing else it says is new.
UNHEARD: Final = "unreachable"
_SETTLED: Final = frozenset({"running", "stopped", "error"})
_WORDS: Final[Mapping[str, str]] = {
    "cores": "processors",
    "memory_mb": "memory in MB",
    "disk_gb": "disk in GB",
    "addresses": "addresses",
    "mac": "MAC",
}


# Words that mean something else in an address of ours, and the embedded cluster's name.
_TAKEN: Final = frozenset({"connect", "engines", "local", "probe"})


def is_name(text: str) -> bool:
    """Tell whether a cluster may be called that."""
    return re.fullmatch(r"[a-z][a-z0-9-]{0,39}", text) is not None and text not in _TAKEN


@dataclass(frozen=True, slots=True)
class Seen:
    """A guest as a look found it."""

    state: str
    node: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a claim says about its guest. Without a definition nothing was agreed on yet."""

    wanted: str
    node: str = ""
    definition: Definition | None = None


def judge(agreed: Agreed, seen: Seen) -> tuple[Standing, str]:
    """Return what a claimed guest that is there is to us, and why in words."""
    if agreed.wanted in IN_HAND:
        return Standing.KNOWN, ""
    if seen.state == UNHEARD:
        node = seen.node or "it was on"
        return (
            Standing.UNREACHABLE,
            f"the node {node} is not heard from; this is how it was last seen",
        )
    if agreed.definition is None:
        return Standing.KNOWN, ""
    reasons = _differences(agreed, seen)
    moved = agreed.node != seen.node
    if moved:
        reasons.append(f"it was on {agreed.node or 'no node'} and is on {seen.node or 'none'}")
    if not reasons:
        return Standing.KNOWN, ""
    changed = len(reasons) > moved
    return Standing.CHANGED if changed else Standing.MOVED, "; ".join(reasons)


def gone(missed: int, *, foreign: bool, seen_before: bool) -> str:
    """Return in words why a claimed guest is lost."""
    if foreign:
        return "another guest has its name now; that one is left alone"
    if not seen_before:
        return "no look has ever found it"
    return f"the last {missed} looks did not find it"


def _differences(agreed: Agreed, seen: Seen) -> list[str]:
    found = []
    if seen.state in _SETTLED and seen.state != agreed.wanted:
        found.append(f"it was left {agreed.wanted} and is {_state(seen.state)}")
    before = agreed.definition or {}
    found += [
        f"{words}: {_text(before.get(name))} became {_text(seen.definition.get(name))}"
        for name, words in _WORDS.items()
        if before.get(name) != seen.definition.get(name)
    ]
    return found


def _state(state: str) -> str:
    return "in error" if state == "error" else state


def _text(value: "int | str | list[str] | None") -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value) if value not in {None, ""} else "none"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of guests begins, how long it is, and in which direction."""

    after: str
    limit: int
    descending: bool = False
