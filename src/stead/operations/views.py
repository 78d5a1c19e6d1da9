"""How operations look on pages: states as badges, events as lines, an end as an outcome."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stead.core.authz import Actor
from stead.core.db import Uow
from stead.core.durable import State
from stead.core.http import Provided
from stead.kit.words import Said, say
from stead.operations.schemas import EventOut, OperationOut, StepOut
from stead.ui import text
from stead.ui.models import Badge, Link, Tone

STATES: Final[Mapping[str, Badge]] = {
    "queued": Badge("Waiting", Tone.QUIET, "ring"),
    "running": Badge("Running", Tone.BUSY, "spin"),
    "undoing": Badge("Taking back", Tone.BUSY, "undo"),
    "succeeded": Badge("Done", Tone.GOOD, "check"),
    "failed": Badge("Failed", Tone.BAD, "cross"),
    "cancelled": Badge("Cancelled", Tone.QUIET, "undo"),
    "undo_failed": Badge("Needs attention", Tone.BAD, "warn"),
    "interrupted": Badge("Interrupted by restore", Tone.BAD, "warn"),
    "kept": Badge("Failed, kept", Tone.BAD, "warn"),
    "settled": Badge("Decided after restore", Tone.QUIET, "check"),
}
STEP_STATES: Final[Mapping[str, Badge]] = {
    "pending": Badge("Waiting", Tone.QUIET, "ring"),
    "running": Badge("Running", Tone.BUSY, "spin"),
    "done": Badge("Done", Tone.GOOD, "check"),
    "failed": Badge("Failed", Tone.BAD, "cross"),
    "undone": Badge("Taken back", Tone.QUIET, "undo"),
}
CANCELLED: Final = "operation.cancelled"
_LEFT: Final = {
    State.KEPT: say("Everything was left as it is. Look at it, then try again or take it back."),
    State.UNDO_FAILED: say("Not all of it could be taken away; the log says what is left."),
}
UNDOING: Final = say("Taking back what was made")
BROKE: Final = Badge("Failed and taken back", Tone.BAD, "cross")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an operation works on, as the domain that owns it describes it."""

    name: str
    headline: str
    page: Link
    ways: tuple[Link, ...] = ()
    addresses: tuple[str, ...] = ()


Find = Callable[[Provided, Uow, Actor, str], Awaitable[Subject | None]]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who describes which kind of subject; domains above are plugged in at assembly."""

    finders: Mapping[str, Find]

    async def find(
        self, provided: Provided, uow: Uow, actor: Actor, subject: str
    ) -> Subject | None:
        """Return the subject, or None when it is gone or nobody knows its kind."""
        kind, _, subject_id = subject.partition(":")
        finder = self.finders.get(kind)
        return None if finder is None else await finder(provided, uow, actor, subject_id)


@dataclass(frozen=True, slots=True)
class StepView:
    """One step in the list."""

    name: str
    title: str
    badge: Badge
    took: str
    since: datetime | None
    error: str | None
    percent: int | None = None
    progress: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    tone: Tone
    icon: str
    title: str
    message: str = ""
    hint: str = ""
    note: str = ""


def badge(state: str) -> Badge:
    """Return a state's badge; a state from a newer version is shown as it is."""
    return STATES.get(state, Badge(state, Tone.QUIET, "ring"))


def steps(operation: OperationOut, events: Sequence[EventOut]) -> list[StepView]:
    """Return the steps, the running one with how far it says it is."""
    cancelled = (operation.error or {}).get("code") == CANCELLED
    return [_step(step, events, cancelled=cancelled) for step in operation.steps]


def lines(operation: OperationOut, events: Sequence[EventOut]) -> list[Line]:
    """Return the events that are worth a line."""
    titles = {step.name: step.title for step in operation.steps}
    found = (_line(event, titles) for event in events)
    return [line for line in found if line is not None]


def outcome(operation: OperationOut, subject: Subject | None) -> Outcome | None:
    """Return how an operation ended, or None while it goes on."""
    if not operation.ended or operation.state in {State.INTERRUPTED, State.SETTLED}:
        return None
    error = operation.error or {}
    message, hint = str(error.get("message") or ""), str(error.get("hint") or "")
    took = text.took(operation.started_at, operation.finished_at)
    step = next((s.title for s in operation.steps if s.name == error.get("step")), "")
    failed = say("“%(step)s” failed", step=Said(step)) if step else say("Failed")
    left = (
        say("%(name)s is still there. Look at it, then try again.", name=subject.name)
        if subject is not None
        else say("Everything that this operation had made was taken away again.")
    )
    match State(operation.state):
        case State.SUCCEEDED:
            title = subject.headline if subject is not None else say("Done")
            note = say("It took %(time)s.", time=took) if took else ""
            return Outcome(Tone.GOOD, "check", title, note=note)
        case State.CANCELLED:
            return Outcome(Tone.QUIET, "undo", say("Cancelled"), note=left)
        case State.KEPT | State.UNDO_FAILED as state:
            left = _LEFT[state]
            return Outcome(Tone.BAD, "warn", failed, message, hint, left)
        case _:
            return Outcome(Tone.BAD, "cross", failed, message, hint, left)


def _step(step: StepOut, events: Sequence[EventOut], *, cancelled: bool) -> StepView:
    running = step.state == "running"
    last = next(
        (e for e in reversed(events) if e.kind == "progress" and e.step == step.name), None
    )
    percent = last.data.get("percent") if running and last is not None else None
    return StepView(
        name=step.name,
        title=Said(step.title),
        badge=_step_badge(step, cancelled=cancelled),
        took=text.took(step.started_at, step.finished_at),
        since=step.started_at if running else None,
        error=step.error,
        percent=percent if isinstance(percent, int) else None,
        progress=str(last.data.get("text") or "") if running and last is not None else "",
    )


def _step_badge(step: StepOut, *, cancelled: bool) -> Badge:
    if step.state == "undone" and step.error and not cancelled:
        return BROKE
    return STEP_STATES.get(step.state, Badge(step.state, Tone.QUIET, "ring"))


def _line(event: EventOut, titles: Mapping[str, str]) -> Line | None:
    said = str(event.data.get("text") or event.data.get("message") or "")
    state = event.data.get("state")
    line: Line | None
    match event.kind:
        case "log":
            line = Line(str(event.data.get("stream", "")), said)
        case "retry" | "undo_retry":
            line = Line("note", say("Trying again: %(why)s", why=said))
        case "cancel":
            asked = say("Cancelling was asked for")
            line = Line("note", say("Its time is up") if event.data.get("reason") else asked)
        case "waiting":
            line = Line("note", said)
        case "keep":
            line = Line("note", say("If it fails, everything stays as it is"))
        case "state" if event.data.get("again"):
            line = Line("step", say("Taken up again"))
        case "step" if state == "running":
            line = Line("step", titles.get(event.step or "", event.step or ""))
        case "state" if state == "undoing":
            line = Line("step", UNDOING)
        case "choice":
            line = Line("note", f"{event.data.get('by')} decided: {event.data.get('choice')}")
        case _:
            line = None
    return line
