"""What decided, in words."""

import pytest

from stead.core import policy
from stead.core.authz import Action, Actor, Role, decide
from stead.identity.explaining import explain

DEVELOPER = Actor("u", "ada", projects={"p": Role.DEVELOPER})
CASES = [
    (DEVELOPER, Action.DEPLOYMENT_CREATE, "may deployment.create in main: the role developer"),
    (DEVELOPER, Action.MEMBER_MANAGE, "it takes the role maintainer or a higher one"),
    (Actor("u", "eve"), Action.DEPLOYMENT_READ, "not a member of main"),
    (Actor("u", "root", admin=True), Action.MEMBER_MANAGE, "the platform role admin includes it"),
    (Actor("u", "aud", auditor=True), Action.MEMBER_MANAGE, "no role that they have"),
    (
        Actor("u", "ada", projects={"p": Role.OWNER}, scopes=policy.expand(["read"])),
        Action.DEPLOYMENT_CREATE,
        "the scope deploy includes it",
    ),
    (DEVELOPER, Action.TOKEN_MANAGE, "to what is their own"),
]


@pytest.mark.parametrize(("actor", "asked", "words"), CASES)
def test_the_reason_names_role_or_scope(actor: Actor, asked: Action, words: str):
    assert words in explain(actor, decide(actor, asked, "p"), "main")


@pytest.mark.parametrize("asked", Action)
def test_every_refusal_says_what_it_takes(asked: Action):
    nobody = Actor("u", "eve", projects={"p": Role.VIEWER})
    decision = decide(nobody, asked, "p")
    assert decision.allowed or "it takes the" in explain(nobody, decision, "main")
