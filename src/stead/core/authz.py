"""Who may do what: one table of roles and actions, asked by every service.

Routes name their action with ``@action`` (or ``@public``); the application refuses to
start when one does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from stead.core.errors import Kind, SteadError


class Role(StrEnum):
    """A member's role in one project."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class Action(StrEnum):
    """Everything that a route or page can ask for."""

    CATALOG_READ = "catalog.read"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOYMENT_CREATE = "deployment.create"
    DEPLOYMENT_REMOVE = "deployment.remove"
    DEPLOYMENT_REVEAL = "deployment.reveal"
    OPERATION_READ = "operation.read"
    OPERATION_CANCEL = "operation.cancel"
    SESSION_END = "session.end"
    PROJECT_READ = "project.read"
    TOKEN_MANAGE = "token.manage"  # noqa: S105  (the name of an action)


_VIEW: Final = frozenset(
    {
        Action.CATALOG_READ,
        Action.DEPLOYMENT_READ,
        Action.OPERATION_READ,
        Action.PROJECT_READ,
    }
)
_DEVELOP: Final = _VIEW | {
    Action.DEPLOYMENT_CREATE,
    Action.DEPLOYMENT_REMOVE,
    Action.DEPLOYMENT_REVEAL,
    Action.OPERATION_CANCEL,
}
PROJECT_ACTIONS: Final[Mapping[Role, frozenset[Action]]] = {
    Role.VIEWER: _VIEW,
    Role.DEVELOPER: _DEVELOP,
    Role.OWNER: _DEVELOP,
}
OWN_ACTIONS: Final = frozenset({Action.SESSION_END, Action.TOKEN_MANAGE, Action.CATALOG_READ})


class UnauthenticatedError(SteadError):
    """Nobody is signed in."""

    kind = Kind.UNAUTHENTICATED
    code = "auth.required"


class ForbiddenError(SteadError):
    """A member's role does not allow this."""

    kind = Kind.FORBIDDEN
    code = "auth.forbidden"


class NotFoundError(SteadError):
    """The thing is absent, or not the caller's to know about: both answer alike."""

    kind = Kind.NOT_FOUND
    code = "not_found"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, through a session or a token of theirs."""

    user_id: str
    name: str
    admin: bool = False
    projects: Mapping[str, Role] = field(default_factory=dict)
    csrf: str = ""


def allows(actor: Actor, asked: Action, project_id: str) -> bool:
    """Tell whether the actor may do this in this project."""
    role = actor.projects.get(project_id)
    if role is None:
        return False
    return asked in PROJECT_ACTIONS[role]


def require(actor: Actor, asked: Action, project_id: str, what: str) -> None:
    """Pass, or raise NotFoundError to strangers and ForbiddenError to lesser members.

    ``what`` lets strangers hear the very words that they hear about what does not exist.
    """
    if project_id not in actor.projects:
        raise NotFoundError(f"There is no such {what}, or it is not yours")
    if not allows(actor, asked, project_id):
        raise ForbiddenError(f"Your role in this project does not allow {asked}")


Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_MARK: Final = "__stead_action__"


def action(asked: Action) -> Callable[[Endpoint], Endpoint]:
    """Declare the action that an endpoint performs."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, asked.value)
        return endpoint

    return mark


def public(reason: str) -> Callable[[Endpoint], Endpoint]:
    """Declare that an endpoint is open to anybody, or checks its caller itself, and why."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, f"public: {reason}")
        return endpoint

    return mark


def declared(endpoint: object) -> str | None:
    """Return what an endpoint declared, or None."""
    found = getattr(endpoint, _MARK, None)
    return found if isinstance(found, str) else None
