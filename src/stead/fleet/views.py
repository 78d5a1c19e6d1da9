"""How the fleet looks on pages."""

from collections.abc import Mapping
from typing import Final

from stead.fleet.schemas import MachineOut
from stead.ui.models import Badge, Tone

_HEALTH: Final[Mapping[str, Badge]] = {
    "online": Badge("Online", Tone.GOOD, "check"),
    "stale": Badge("Not heard from", Tone.BAD, "warn"),
    "never": Badge("Has not joined", Tone.QUIET, "ring"),
}


def health(one: MachineOut) -> Badge:
    """Return whether its agent is there."""
    return _HEALTH.get(one.health, Badge(one.health, Tone.QUIET, "ring"))
