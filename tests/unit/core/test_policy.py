"""The policy table and what is decided by it."""

import pytest

from stead.core import policy
from stead.core.authz import (
    Actor,
    Cause,
    ForbiddenError,
    NotFoundError,
    ScopeError,
    decide,
    enter,
    require,
    where_allowed,
)
from stead.core.policy import POLICY, Action, PlatformRole, Relation, Role, Scope


def member(role: Role, **more: object) -> Actor:
    return Actor("u", "Ada", projects={"p": role}, **more)


def test_every_action_has_a_rule():
    missing = set(Action) - set(POLICY)
    assert not missing, f"give {missing} a line in POLICY of core/policy.py"


def test_a_higher_role_may_do_all_that_a_lower_one_may():
    for higher, lower in zip(list(Role), list(Role)[1:], strict=False):
        lost = [
            a for a, rule in POLICY.items() if lower in rule.roles and higher not in rule.roles
        ]
        assert lost == []


def test_scopes_hold_the_ones_before_them():
    read, deploy, admin = (policy.actions_of(scope) for scope in Scope)
    assert read < deploy < admin == set(Action)


def test_the_read_scope_changes_nothing():
    assert {action.value.rpartition(".")[2] for action in policy.actions_of(Scope.READ)} == {
        "read"
    }


def test_auditors_only_read():
    held = {a for a, rule in POLICY.items() if PlatformRole.AUDITOR in rule.platform}
    assert {action.value.rpartition(".")[2] for action in held} == {"read"}


def test_no_platform_role_reveals_a_projects_secrets():
    assert POLICY[Action.DEPLOYMENT_REVEAL].platform == frozenset()


@pytest.mark.parametrize("asked", [a for a, r in POLICY.items() if r.relation is Relation.PROJECT])
@pytest.mark.parametrize("role", Role)
def test_members_get_what_the_table_grants_and_no_more(asked: Action, role: Role):
    decision = decide(member(role), asked, "p")
    granted = role in POLICY[asked].roles
    assert (decision.allowed, decision.cause) == (
        (True, Cause.ROLE) if granted else (False, Cause.ROLE_LACKS)
    )


def test_strangers_hear_that_there_is_nothing():
    with pytest.raises(NotFoundError, match="no such deployment"):
        require(Actor("u", "Eve"), Action.DEPLOYMENT_READ, "p", "deployment")


def test_lesser_members_hear_that_their_role_lacks_it():
    with pytest.raises(ForbiddenError):
        require(member(Role.VIEWER), Action.DEPLOYMENT_CREATE, "p", "project")


def test_a_token_does_no_more_than_its_scopes():
    token = member(Role.OWNER, scopes=policy.expand(["read"]))
    require(token, Action.DEPLOYMENT_READ, "p", "deployment")
    with pytest.raises(ScopeError):
        require(token, Action.DEPLOYMENT_CREATE, "p", "project")
    with pytest.raises(ScopeError):
        enter(token, Action.TOKEN_MANAGE)


def test_a_token_does_no_more_than_its_owner():
    token = member(Role.VIEWER, scopes=policy.expand(["admin"]))
    with pytest.raises(ForbiddenError):
        require(token, Action.DEPLOYMENT_CREATE, "p", "project")


def test_a_token_without_the_scope_learns_nothing_about_what_is_not_its_owners():
    token = Actor("u", "Eve", scopes=frozenset())
    with pytest.raises(NotFoundError):
        require(token, Action.DEPLOYMENT_READ, "p", "deployment")


def test_platform_roles_see_every_project_and_deploy_into_none():
    admin, auditor = Actor("u", "Root", admin=True), Actor("u", "Aud", auditor=True)
    for actor in (admin, auditor):
        assert where_allowed(actor, Action.DEPLOYMENT_READ) is None
        assert where_allowed(actor, Action.DEPLOYMENT_CREATE) == frozenset()
        with pytest.raises(ForbiddenError):
            require(actor, Action.DEPLOYMENT_REVEAL, "any", "deployment")


def test_members_lists_hold_their_projects_only():
    actor = Actor("u", "Ada", projects={"p": Role.VIEWER, "q": Role.OWNER})
    assert where_allowed(actor, Action.DEPLOYMENT_READ) == {"p", "q"}
    assert where_allowed(actor, Action.DEPLOYMENT_CREATE) == {"q"}


def test_single_actions_are_scopes_too_and_unknown_ones_allow_nothing():
    assert policy.expand(["operation.read", "gone.read"]) == {Action.OPERATION_READ}
    assert policy.is_scope("deploy")
    assert not policy.is_scope("gone.read")
