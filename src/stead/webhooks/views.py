"""How webhooks look on pages."""

from collections.abc import Mapping
from typing import Final

from stead.kit.words import say
from stead.ui.models import Badge, Choice, Tone
from stead.webhooks.rules import DeliveryState, Event, Paused
from stead.webhooks.schemas import AttemptOut

_PAUSED: Final[Mapping[str, Badge]] = {
    Paused.NO: Badge("Active", Tone.GOOD, "check"),
    Paused.ASKED: Badge("Paused", Tone.QUIET, "ring"),
    Paused.FAILURES: Badge("Paused after failures", Tone.BAD, "warn"),
    Paused.GONE: Badge("Paused: the receiver is gone", Tone.BAD, "warn"),
    Paused.BACKLOG: Badge("Paused: too much waits", Tone.BAD, "warn"),
}
_STATES: Final[Mapping[str, Badge]] = {
    DeliveryState.PENDING: Badge("Waiting", Tone.BUSY, "spin"),
    DeliveryState.DELIVERED: Badge("Delivered", Tone.GOOD, "check"),
    DeliveryState.GIVEN_UP: Badge("Given up", Tone.BAD, "warn"),
}
_RETRIES: Final = Badge("Tries again", Tone.BUSY, "spin")
WHY: Final[Mapping[str, str]] = {
    Paused.ASKED: say("What happens meanwhile is not kept. What waits goes on waiting."),
    Paused.FAILURES: say(
        "Several deliveries in a row were given up. See below what was answered,"
        " send a test, then let it go on."
    ),
    Paused.GONE: say("It answered 410: nothing is wanted there any more."),
    Paused.BACKLOG: say("More has happened than could be delivered. Nothing is added now."),
}
EVENTS: Final = (
    Choice(Event.DEPLOYMENT_LIVE, say("Deployment is live")),
    Choice(Event.DEPLOYMENT_FAILED, say("Deploying did not succeed")),
    Choice(Event.DEPLOYMENT_REMOVED, say("Deployment was removed")),
    Choice(Event.OPERATION_SUCCEEDED, say("Any operation succeeded")),
    Choice(Event.OPERATION_FAILED, say("Any operation failed and was undone")),
    Choice(Event.OPERATION_CANCELLED, say("Any operation was cancelled")),
    Choice(Event.OPERATION_STUCK, say("An operation needs somebody to decide")),
    Choice(Event.JOB_DONE, say("An agent did a job")),
    Choice(Event.JOB_FAILED, say("A job of an agent failed")),
)


def paused(reason: str) -> Badge:
    """Return whether something is sent, and if not, why."""
    return _PAUSED.get(reason, _PAUSED[Paused.ASKED])


def state(name: str, tries: int) -> Badge:
    """Return how a delivery stands."""
    if name == DeliveryState.PENDING and tries:
        return _RETRIES
    return _STATES.get(name, _STATES[DeliveryState.PENDING])


def said(attempt: AttemptOut | None) -> str:
    """Return in a few words how a try went."""
    if attempt is None:
        return say("not tried yet")
    return str(attempt.status) if attempt.status is not None else attempt.problem
