"""Asking the table, and declaring what an endpoint asks for."""

import pytest

from stead.core import authz
from stead.core.authz import Action, Actor, Role

WRITES = {
    Action.DEPLOYMENT_CREATE,
    Action.DEPLOYMENT_REMOVE,
    Action.DEPLOYMENT_REVEAL,
    Action.OPERATION_CANCEL,
}


def member(role: Role) -> Actor:
    return Actor("u", "Somebody", projects={"mine": role})


def test_viewers_read_and_do_not_see_secrets():
    allowed = {action for action in Action if authz.allows(member(Role.VIEWER), action, "mine")}
    assert not allowed & WRITES
    assert Action.DEPLOYMENT_READ in allowed


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.MAINTAINER, Role.OWNER])
def test_developers_and_owners_change_things(role: Role):
    assert all(authz.allows(member(role), action, "mine") for action in WRITES)


@pytest.mark.parametrize("action", list(Action))
def test_strangers_may_nothing_and_learn_nothing(action: Action):
    stranger = Actor("u", "Somebody", projects={"another": Role.OWNER})
    assert not authz.allows(stranger, action, "mine")
    with pytest.raises(authz.NotFoundError):
        authz.require(stranger, action, "mine", "thing")


def test_lesser_members_are_refused_with_the_action():
    with pytest.raises(authz.ForbiddenError, match=r"deployment\.remove"):
        authz.require(member(Role.VIEWER), Action.DEPLOYMENT_REMOVE, "mine", "deployment")


def test_a_declaration_is_found_and_its_absence_too():
    def endpoint() -> None: ...

    assert authz.declared(endpoint) is None
    assert authz.declared(authz.action(Action.CATALOG_READ)(endpoint)) == "catalog.read"
    assert authz.declared(authz.public("why")(lambda: None)) == "public: why"
