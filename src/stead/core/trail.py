"""On whose behalf something is done: a request or a command, as far as it is known yet.

Whoever lets work in leaves a trail; what decides about it adds to it; what records deeds
reads it when the work is committed. It never holds what somebody sent.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

Detail = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does what to which thing, from where."""

    action: str
    actor_id: str = ""
    actor: str = ""
    address: str = ""
    subject: str = ""
    request_id: str = ""
    detail: Detail = field(default_factory=dict)


@dataclass(slots=True)
class Trail:
    """One piece of work. ``describe`` returns None while there is nothing to record."""

    describe: Callable[[], Deed | None]
    project_id: str = ""
    actor_id: str = ""
    actor: str = ""
    recorded: bool = False


_current: ContextVar[Trail | None] = ContextVar("trail", default=None)


def current() -> Trail | None:
    """Return the trail of the work at hand, or None for what the platform does by itself."""
    return _current.get()


@contextmanager
def left(trail: Trail) -> Iterator[Trail]:
    """Let everything in the block be done on behalf of this trail."""
    token = _current.set(trail)
    try:
        yield trail
    finally:
        _current.reset(token)


def note_project(project_id: str) -> None:
    """Note whose things the work is about; the first that was asked for counts."""
    trail = _current.get()
    if trail is not None and not trail.project_id:
        trail.project_id = project_id


def note_actor(actor_id: str, name: str) -> None:
    """Note who it turned out to be, for work that begins before anybody is known."""
    trail = _current.get()
    if trail is not None:
        trail.actor_id, trail.actor = actor_id, name
