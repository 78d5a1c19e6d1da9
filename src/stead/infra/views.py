"""How clusters and guests are shown: badges, and words for what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from stead.engines.capabilities import Ability, Verdict
from stead.infra.rules import SHOWN, Standing
from stead.infra.schemas import (
    CapabilityOut,
    CheckOut,
    ClusterDetailOut,
    ClusterOut,
    FindingOut,
    NodeOut,
)
from stead.ui.models import Badge, Problem, Tone

_STATES: Final[Mapping[str, Badge]] = {
    "ok": Badge("Answers", Tone.GOOD, "check"),
    "new": Badge("Not heard from yet", Tone.BUSY, "spin"),
    "away": Badge("Does not answer", Tone.BAD, "cross"),
    "refused": Badge("Refuses us", Tone.BAD, "cross"),
    "certificate": Badge("Certificate changed", Tone.BAD, "warn"),
    "blind": Badge("Shows us too little", Tone.BAD, "warn"),
    "failing": Badge("Driver fails", Tone.BAD, "warn"),
    "unwatched": Badge("Nobody looks", Tone.BAD, "warn"),
}
_STANDINGS: Final[Mapping[Standing, Badge]] = {
    Standing.KNOWN: Badge("Known", Tone.GOOD, "check"),
    Standing.UNKNOWN: Badge("Unknown", Tone.QUIET, "ring"),
    Standing.LOST: Badge("Lost", Tone.BAD, "cross"),
    Standing.CHANGED: Badge("Changed outside", Tone.BUSY, "warn"),
    Standing.MOVED: Badge("Moved", Tone.BUSY, "next"),
    Standing.UNREACHABLE: Badge("Unreachable", Tone.BAD, "warn"),
}
_VERDICTS: Final[Mapping[str, Badge]] = {
    "yes": Badge("Yes", Tone.GOOD, "check"),
    "no": Badge("No", Tone.QUIET, "cross"),
    "limited": Badge("Limited", Tone.BUSY, "warn"),
}
_SEVERITIES: Final[Mapping[str, Badge]] = {
    "bad": Badge("Bad", Tone.BAD, "cross"),
    "warning": Badge("Warning", Tone.BUSY, "warn"),
    "note": Badge("Note", Tone.QUIET, "ring"),
}
_HINTS: Final[Mapping[str, str]] = {
    "away": "Check that the engine runs and can be reached. Stead tries again by itself.",
    "refused": "Renew Stead's access on the engine. Stead tries again by itself.",
    "certificate": "Nothing is sent there until somebody confirms the new certificate below.",
    "blind": "Give Stead's token back what it lacks. Stead tries again by itself.",
    "failing": "The server's log says more. Stead tries again by itself.",
    "unwatched": "Check that stead serve runs and that its worker is not stuck.",
}


class Wanted(BaseModel):
    """Which guests a page shows; a class that does not exist shows all."""

    model_config = ConfigDict(extra="ignore")

    chosen: str = Field(default="", alias="class")
    after: str = Field(default="", max_length=255)

    @property
    def standing(self) -> Standing | None:
        """Return the class, if it is one that is shown."""
        return Standing(self.chosen) if self.chosen in {str(one) for one in SHOWN} else None


@dataclass(frozen=True, slots=True)
class Count:
    """How many guests have a standing."""

    standing: Standing
    label: str
    number: int


def state(cluster: ClusterOut) -> Badge:
    """Return how a cluster is."""
    return _STATES.get(cluster.state, Badge(cluster.state, Tone.QUIET, "ring"))


def standing(one: Standing) -> Badge:
    """Return what a guest is to us."""
    return _STANDINGS[one]


def verdict(one: CapabilityOut) -> Badge:
    """Return whether a cluster can do something."""
    return _VERDICTS.get(one.verdict, Badge(one.verdict, Tone.QUIET, "ring"))


def severity(one: FindingOut) -> Badge:
    """Return how bad a finding is."""
    return _SEVERITIES.get(one.severity, Badge(one.severity, Tone.QUIET, "ring"))


def node(one: NodeOut) -> Badge:
    """Return how a node is."""
    if not one.online:
        return _STATES["away"]
    return Badge("Emptied", Tone.BUSY, "warn") if one.evacuated else _STATES["ok"]


def empties(cluster: ClusterDetailOut) -> bool:
    """Tell whether nodes of a cluster can be emptied."""
    found = (one for one in cluster.capabilities if one.ability == Ability.EVACUATION)
    return any(one.verdict != Verdict.NO for one in found)


def machines(cluster: ClusterDetailOut) -> CapabilityOut | None:
    """Return what is to be said of virtual machines on a cluster; None where there are none."""
    found = (one for one in cluster.capabilities if one.ability == Ability.VMS)
    return next((one for one in found if one.verdict != Verdict.NO), None)


def there(one: CheckOut) -> Badge:
    """Return whether a test found something as it should be."""
    return _VERDICTS["yes"] if one.ok else Badge("No", Tone.BAD, "cross")


def trouble(cluster: ClusterOut) -> Problem | None:
    """Return why nothing can be heard from a cluster; None when all is well."""
    if cluster.state not in _HINTS:
        return None
    badge = _STATES[cluster.state]
    text = cluster.last_error if cluster.state != "unwatched" else "No look for over a minute."
    return Problem(badge.label, text, _HINTS[cluster.state])


def standings(counts: Mapping[Standing, int]) -> list[Count]:
    """Return the numbers of guests, in the order of the classes."""
    return [Count(one, _STANDINGS[one].label, counts.get(one, 0)) for one in SHOWN]
