"""How deployments look on pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stead.deployments.schemas import DeploymentOut
from stead.kit.words import say
from stead.ui.models import Badge, Link, Tone

STATES: Final[Mapping[str, Badge]] = {
    "deploying": Badge("Deploying", Tone.BUSY, "spin"),
    "live": Badge("Live", Tone.GOOD, "check"),
    "stopped": Badge("Stopped", Tone.QUIET, "ring"),
    "stopping": Badge("Stopping", Tone.BUSY, "spin"),
    "starting": Badge("Starting", Tone.BUSY, "spin"),
    "restarting": Badge("Restarting", Tone.BUSY, "spin"),
    "restoring": Badge("Returning to a snapshot", Tone.BUSY, "spin"),
    "changing": Badge("Changing", Tone.BUSY, "spin"),
    "removing": Badge("Removing", Tone.BUSY, "spin"),
    "remove_failed": Badge("Removal failed", Tone.BAD, "warn"),
}
STUCK: Final = Badge("Needs attention", Tone.BAD, "warn")
_RESTS: Final = frozenset({"live", "stopped", "remove_failed"})


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment with what a page makes of it."""

    deployment: DeploymentOut
    badge: Badge
    busy: bool
    pages: tuple[Link, ...]
    addresses: tuple[str, ...]

    @property
    def reachable(self) -> bool:
        """Whether its addresses lead somewhere; while it changes they mostly do."""
        return self.deployment.state in {"live", "changing"}

    @property
    def secrets(self) -> bool:
        """Whether some outputs are not shown."""
        return any(output.value is None for output in self.deployment.outputs)


def view(deployment: DeploymentOut, *, operation_ended: bool) -> DeploymentView:
    """Return how to show a deployment; one whose operation ended half-way needs a person."""
    unfinished = deployment.state not in _RESTS
    badge = STATES.get(deployment.state, Badge(deployment.state, Tone.QUIET, "ring"))
    http = [route for route in deployment.routes if route.port is None]
    return DeploymentView(
        deployment=deployment,
        badge=STUCK if unfinished and operation_ended else badge,
        busy=not operation_ended,
        pages=tuple(
            Link(route.url, say("Open %(name)s", name=deployment.name), external=True)
            for route in http
        ),
        addresses=tuple(route.url for route in deployment.routes if route.port is not None),
    )
