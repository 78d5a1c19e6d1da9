"""How the fleet looks on pages."""

from collections.abc import Mapping
from typing import Final

from stead.fleet.schemas import BulkOut, JobOut, MachineOut, TargetOut
from stead.ui.models import Badge, Tone

_HEALTH: Final[Mapping[str, Badge]] = {
    "online": Badge("Online", Tone.GOOD, "check"),
    "stale": Badge("Not heard from", Tone.BAD, "warn"),
    "never": Badge("Has not joined", Tone.QUIET, "ring"),
}


def health(one: MachineOut) -> Badge:
    """Return whether its agent is there."""
    return _HEALTH.get(one.health, Badge(one.health, Tone.QUIET, "ring"))


OUTDATED: Final = Badge("Outdated", Tone.QUIET, "undo")
_TARGETS: Final[Mapping[str, Badge]] = {
    "pending": Badge("Waiting", Tone.QUIET, "ring"),
    "running": Badge("Running", Tone.BUSY, "spin"),
    "done": Badge("Done", Tone.GOOD, "check"),
    "failed": Badge("Failed", Tone.BAD, "cross"),
    "cancelled": Badge("Not done", Tone.QUIET, "undo"),
}
_BULKS: Final[Mapping[str, Badge]] = {
    "queued": Badge("Waiting", Tone.QUIET, "ring"),
    "running": Badge("Running", Tone.BUSY, "spin"),
    "undoing": Badge("Stopping", Tone.BUSY, "spin"),
    "succeeded": Badge("Done", Tone.GOOD, "check"),
    "failed": Badge("Stopped", Tone.BAD, "cross"),
    "cancelled": Badge("Cancelled", Tone.QUIET, "undo"),
}
_OUTCOMES: Final[Mapping[str, Badge]] = {
    "done": Badge("Done", Tone.GOOD, "check"),
    "cancelled": Badge("Cancelled", Tone.QUIET, "undo"),
}
_OPEN: Final = frozenset({"queued", "running", "undoing"})


def target(one: TargetOut) -> Badge:
    """Return how a machine of work on many stands."""
    return _TARGETS.get(one.state, Badge(one.state, Tone.QUIET, "ring"))


def bulk(one: BulkOut) -> Badge:
    """Return how work on many stands."""
    if one.state == "succeeded" and one.counts["done"] < sum(one.counts.values()):
        return Badge("Done, some failed", Tone.BAD, "warn")
    return _BULKS.get(one.state, Badge("Needs attention", Tone.BAD, "warn"))


def has_ended(one: BulkOut) -> bool:
    """Tell whether nothing more happens by itself."""
    return one.state not in _OPEN


def job(one: JobOut) -> Badge:
    """Return how a job stands."""
    if one.state == "claimed":
        return Badge("Running", Tone.BUSY, "spin")
    if one.state == "queued":
        return Badge("Waiting", Tone.QUIET, "ring")
    return _OUTCOMES.get(one.outcome or "", Badge("Failed", Tone.BAD, "cross"))
