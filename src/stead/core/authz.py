"""Decides who may do what, by the policy table, for every service and every endpoint.

Routes name their action with ``@action`` (or ``@public``); the application refuses to
start when one does not, or when it does not ask who is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from stead.core import trail
from stead.core.errors import Kind, SteadError
from stead.core.policy import POLICY, Action, PlatformRole, Relation, Role, Scope

__all__ = [
    "POLICY",
    "Action",
    "Actor",
    "Cause",
    "Decision",
    "ForbiddenError",
    "NotFoundError",
    "PlatformRole",
    "Relation",
    "Role",
    "Scope",
    "ScopeError",
    "UnauthenticatedError",
    "action",
    "action_of",
    "allows",
    "decide",
    "declared",
    "enter",
    "public",
    "require",
    "where_allowed",
]


class UnauthenticatedError(SteadError):
    """Nobody is signed in."""

    kind = Kind.UNAUTHENTICATED
    code = "auth.required"


class ForbiddenError(SteadError):
    """A role does not allow this."""

    kind = Kind.FORBIDDEN
    code = "auth.forbidden"


class ScopeError(SteadError):
    """The token's scopes do not allow this, whatever its owner may do."""

    kind = Kind.FORBIDDEN
    code = "auth.scope"


class NotFoundError(SteadError):
    """The thing is absent, or not the caller's to know about: both answer alike."""

    kind = Kind.NOT_FOUND
    code = "not_found"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, through a session or a token of theirs.

    ``scopes`` is None for a session, which carries all that the person may do. A token
    that is limited to one project knows no other one, and no platform role.
    """

    user_id: str
    name: str
    admin: bool = False
    projects: Mapping[str, Role] = field(default_factory=dict)
    csrf: str = ""
    auditor: bool = False
    scopes: frozenset[Action] | None = None
    only_project: str | None = None
    credential: str = ""

    @property
    def platform_roles(self) -> frozenset[PlatformRole]:
        """Return the roles on the whole platform."""
        held = ((self.admin, PlatformRole.ADMIN), (self.auditor, PlatformRole.AUDITOR))
        return frozenset(role for has, role in held if has)

    @property
    def oversees(self) -> bool:
        """Tell whether a platform role lets them know of everything."""
        return self.admin or self.auditor


class Cause(StrEnum):
    """What a decision rests on."""

    OWN = "own"
    ROLE = "role"
    PLATFORM_ROLE = "platform_role"
    UNKNOWN = "unknown"
    ROLE_LACKS = "role_lacks"
    PLATFORM_ROLE_LACKS = "platform_role_lacks"
    SCOPE_LACKS = "scope_lacks"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether somebody may do something, and what decided it."""

    allowed: bool
    cause: Cause
    action: Action
    role: str = ""


def decide(actor: Actor, asked: Action, project_id: str | None = None) -> Decision:
    """Look the policy table up. This is the only place that decides.

    An action on a thing of a project needs the project, except for entering a list.
    """
    role = actor.projects.get(project_id) if project_id is not None else None
    if project_id is not None and role is None and not actor.oversees:
        return Decision(False, Cause.UNKNOWN, asked)
    if actor.scopes is not None and asked not in actor.scopes:
        return Decision(False, Cause.SCOPE_LACKS, asked)
    if POLICY[asked].relation is Relation.SELF:
        return Decision(True, Cause.OWN, asked)
    return _by_roles(actor, asked, role)


def _by_roles(actor: Actor, asked: Action, role: Role | None) -> Decision:
    rule = POLICY[asked]
    if role in rule.roles:
        return Decision(True, Cause.ROLE, asked, str(role))
    granting = sorted(actor.platform_roles & rule.platform)
    if granting:
        return Decision(True, Cause.PLATFORM_ROLE, asked, granting[0])
    cause = Cause.ROLE_LACKS if role is not None else Cause.PLATFORM_ROLE_LACKS
    return Decision(False, cause, asked, str(role or ""))


def allows(actor: Actor, asked: Action, project_id: str) -> bool:
    """Tell whether the actor may do this in this project."""
    return decide(actor, asked, project_id).allowed


def require(actor: Actor, asked: Action, project_id: str, what: str) -> None:
    """Pass, or raise NotFoundError to strangers and ForbiddenError to lesser members.

    ``what`` lets strangers hear the very words that they hear about what does not exist.
    """
    trail.note_project(project_id)
    decision = decide(actor, asked, project_id)
    if decision.allowed:
        return
    if decision.cause is Cause.UNKNOWN:
        raise NotFoundError(f"There is no such {what}, or it is not yours")
    if decision.cause is Cause.SCOPE_LACKS:
        raise _scope_lacks(asked)
    raise ForbiddenError(f"Your role in this project does not allow {asked}")


def enter(actor: Actor, asked: Action) -> None:
    """Pass the endpoint's door: all that can be decided before a thing is looked up.

    Raises ScopeError, and ForbiddenError for the platform's own actions and for what the
    actor may do in none of their projects.
    """
    if actor.scopes is not None and asked not in actor.scopes:
        raise _scope_lacks(asked)
    relation = POLICY[asked].relation
    if relation is Relation.PLATFORM and not decide(actor, asked).allowed:
        raise ForbiddenError(f"Your role on this platform does not allow {asked}")
    somewhere = bool(actor.projects or actor.platform_roles)
    if relation is Relation.PROJECT and somewhere and where_allowed(actor, asked) == frozenset():
        raise ForbiddenError(f"Your role does not allow {asked} in any project")


def where_allowed(actor: Actor, asked: Action) -> frozenset[str] | None:
    """Return the projects in which the actor may do this; None stands for all of them."""
    if decide(actor, asked).allowed:
        return None
    return frozenset(p for p in actor.projects if decide(actor, asked, p).allowed)


def _scope_lacks(asked: Action) -> ScopeError:
    return ScopeError(
        f"This token does not allow {asked}",
        hint=f"Use a token with the scope {POLICY[asked].scope}",
    )


Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_MARK: Final = "__stead_action__"


def action(asked: Action) -> Callable[[Endpoint], Endpoint]:
    """Declare the action that an endpoint performs."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, asked)
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


def action_of(endpoint: object) -> Action | None:
    """Return the action that an endpoint declared; None for public ones."""
    found = declared(endpoint)
    return found if isinstance(found, Action) else None
