"""The policy table: who may do what to whose things, and which tokens may carry it.

Everything that decides, explains or attacks permissions reads ``POLICY``; nothing else
grants anything. ``core.authz`` asks it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A member's role in one project, from the mightiest down."""

    OWNER = "owner"
    MAINTAINER = "maintainer"
    DEVELOPER = "developer"
    VIEWER = "viewer"


class PlatformRole(StrEnum):
    """A person's role on the whole platform, next to their projects."""

    ADMIN = "admin"
    AUDITOR = "auditor"


class Relation(StrEnum):
    """How the asker must stand to what they ask for."""

    SELF = "self"  # their own account, or what everybody who is signed in shares
    PROJECT = "project"  # a thing of a project: the role in that project decides
    PLATFORM = "platform"  # the platform itself: only platform roles decide


class Scope(StrEnum):
    """Named sets of actions for tokens; each holds the ones before it."""

    READ = "read"
    DEPLOY = "deploy"
    ADMIN = "admin"


class Action(StrEnum):
    """Everything that a route or page can ask for."""

    ABOUT_READ = "about.read"
    AGENT_READ = "agent.read"
    AUDIT_READ = "audit.read"
    CATALOG_READ = "catalog.read"
    DEPLOYMENT_READ = "deployment.read"
    DEPLOYMENT_CREATE = "deployment.create"
    DEPLOYMENT_CHANGE = "deployment.change"
    DEPLOYMENT_REMOVE = "deployment.remove"
    DEPLOYMENT_REVEAL = "deployment.reveal"
    DEPLOYMENT_OPERATE = "deployment.operate"
    OPERATION_READ = "operation.read"
    OPERATION_CANCEL = "operation.cancel"
    OPERATION_DECIDE = "operation.decide"
    OPERATION_RETRY = "operation.retry"
    OPERATION_KEEP = "operation.keep"
    PLATFORM_READ = "platform.read"
    PLATFORM_MANAGE = "platform.manage"
    PROJECT_READ = "project.read"
    PROJECT_CREATE = "project.create"
    PROJECT_UPDATE = "project.update"
    PROJECT_ARCHIVE = "project.archive"
    MEMBER_READ = "member.read"
    MEMBER_MANAGE = "member.manage"
    MEMBER_LEAVE = "member.leave"
    JOB_RUN = "job.run"
    JOB_ADMINISTER = "job.administer"
    LIMIT_SET = "limit.set"
    ORGANISATION_READ = "organisation.read"
    ORGANISATION_MANAGE = "organisation.manage"
    PERSON_READ = "person.read"
    PERSON_MANAGE = "person.manage"
    PROFILE_READ = "profile.read"
    PROFILE_UPDATE = "profile.update"
    INVITATION_ACCEPT = "invitation.accept"
    SERVER_MANAGE = "server.manage"
    SESSION_READ = "session.read"
    SESSION_END = "session.end"
    TOKEN_MANAGE = "token.manage"  # noqa: S105  (the name of an action)
    WEBHOOK_READ = "webhook.read"
    WEBHOOK_MANAGE = "webhook.manage"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may do one action: members from ``least`` up, these platform roles, these tokens."""

    relation: Relation
    scope: Scope
    least: Role | None = None
    platform: frozenset[PlatformRole] = frozenset()

    @property
    def roles(self) -> frozenset[Role]:
        """Return the project roles that the action is granted to."""
        ladder = list(Role)
        return frozenset(ladder[: ladder.index(self.least) + 1]) if self.least else frozenset()


def _own(scope: Scope) -> Rule:
    return Rule(Relation.SELF, scope)


def _member(least: Role | None, scope: Scope, *platform: PlatformRole) -> Rule:
    return Rule(Relation.PROJECT, scope, least, frozenset(platform))


def _platform(scope: Scope, *platform: PlatformRole) -> Rule:
    return Rule(Relation.PLATFORM, scope, None, frozenset(platform))


# Platform admins see everything and set things up; what projects keep secret stays theirs.
_SEES: Final = (PlatformRole.ADMIN, PlatformRole.AUDITOR)
POLICY: Final[Mapping[Action, Rule]] = {
    Action.ABOUT_READ: _own(Scope.READ),
    Action.AGENT_READ: _member(Role.VIEWER, Scope.READ, *_SEES),
    Action.AUDIT_READ: _platform(Scope.READ, *_SEES),
    Action.CATALOG_READ: _own(Scope.READ),
    Action.DEPLOYMENT_READ: _member(Role.VIEWER, Scope.READ, *_SEES),
    Action.DEPLOYMENT_CREATE: _member(Role.DEVELOPER, Scope.DEPLOY),
    Action.DEPLOYMENT_CHANGE: _member(Role.DEVELOPER, Scope.DEPLOY),
    Action.DEPLOYMENT_REMOVE: _member(Role.DEVELOPER, Scope.DEPLOY),
    Action.DEPLOYMENT_REVEAL: _member(Role.DEVELOPER, Scope.DEPLOY),
    Action.DEPLOYMENT_OPERATE: _member(Role.DEVELOPER, Scope.DEPLOY),
    Action.OPERATION_READ: _member(Role.VIEWER, Scope.READ, *_SEES),
    Action.OPERATION_CANCEL: _member(Role.DEVELOPER, Scope.DEPLOY, PlatformRole.ADMIN),
    Action.OPERATION_RETRY: _member(Role.DEVELOPER, Scope.DEPLOY, PlatformRole.ADMIN),
    Action.OPERATION_KEEP: _member(Role.DEVELOPER, Scope.DEPLOY, PlatformRole.ADMIN),
    Action.OPERATION_DECIDE: _member(Role.DEVELOPER, Scope.DEPLOY, PlatformRole.ADMIN),
    Action.PLATFORM_READ: _platform(Scope.READ, *_SEES),
    Action.PLATFORM_MANAGE: _platform(Scope.ADMIN, PlatformRole.ADMIN),
    Action.PROJECT_READ: _member(Role.VIEWER, Scope.READ, *_SEES),
    Action.PROJECT_CREATE: _platform(Scope.ADMIN, PlatformRole.ADMIN),
    Action.PROJECT_UPDATE: _member(Role.MAINTAINER, Scope.ADMIN, PlatformRole.ADMIN),
    Action.PROJECT_ARCHIVE: _member(Role.OWNER, Scope.ADMIN, PlatformRole.ADMIN),
    Action.JOB_RUN: _member(Role.DEVELOPER, Scope.DEPLOY),
    Action.JOB_ADMINISTER: _member(Role.MAINTAINER, Scope.DEPLOY),
    Action.MEMBER_READ: _member(Role.VIEWER, Scope.READ, *_SEES),
    Action.MEMBER_MANAGE: _member(Role.MAINTAINER, Scope.ADMIN, PlatformRole.ADMIN),
    Action.MEMBER_LEAVE: _member(Role.VIEWER, Scope.ADMIN),
    Action.LIMIT_SET: _member(None, Scope.ADMIN, PlatformRole.ADMIN),
    Action.ORGANISATION_READ: _platform(Scope.READ, *_SEES),
    Action.ORGANISATION_MANAGE: _platform(Scope.ADMIN, PlatformRole.ADMIN),
    Action.PERSON_READ: _platform(Scope.READ, *_SEES),
    Action.PERSON_MANAGE: _platform(Scope.ADMIN, PlatformRole.ADMIN),
    Action.PROFILE_READ: _own(Scope.READ),
    Action.PROFILE_UPDATE: _own(Scope.ADMIN),
    Action.INVITATION_ACCEPT: _own(Scope.ADMIN),
    Action.SERVER_MANAGE: _member(Role.MAINTAINER, Scope.ADMIN),
    Action.SESSION_READ: _own(Scope.READ),
    Action.SESSION_END: _own(Scope.ADMIN),
    Action.TOKEN_MANAGE: _own(Scope.ADMIN),
    # An address may be a secret itself, and what goes there leaves the house.
    Action.WEBHOOK_READ: _member(Role.MAINTAINER, Scope.ADMIN),
    Action.WEBHOOK_MANAGE: _member(Role.OWNER, Scope.ADMIN),
}
_SCOPES: Final = frozenset(scope.value for scope in Scope)
_ACTIONS: Final = frozenset(action.value for action in Action)


def actions_of(scope: Scope) -> frozenset[Action]:
    """Return what a named scope allows."""
    held = list(Scope)[: list(Scope).index(scope) + 1]
    return frozenset(action for action, rule in POLICY.items() if rule.scope in held)


def expand(scopes: Iterable[str]) -> frozenset[Action]:
    """Return the actions behind names of scopes and actions; unknown names allow nothing."""
    found: set[Action] = set()
    for name in scopes:
        if name in _SCOPES:
            found |= actions_of(Scope(name))
        elif name in _ACTIONS:
            found.add(Action(name))
    return frozenset(found)


def is_scope(name: str) -> bool:
    """Tell whether a token can be given this name as a scope."""
    return name in _SCOPES or name in _ACTIONS
