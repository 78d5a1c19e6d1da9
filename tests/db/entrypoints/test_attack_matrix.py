"""Everybody who has no right to it, at every route and page that the applications serve.

Targets come from the applications themselves. One that cannot be called, because nobody
knows an id or a value that it takes, fails with what to add; so does one whose rightful
caller is turned away, because attacks on it would prove nothing.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

import pytest
from fastapi import Request
from tests.factories.platform import Platform
from tests.support.attack.attackers import (
    ATTACKERS,
    RULES,
    Attacker,
    Credential,
    Standing,
    rightful,
    send,
)
from tests.support.attack.content import Content
from tests.support.attack.filling import WORDS, Forms, fill
from tests.support.attack.matrix import Matrix, comparable
from tests.support.attack.surface import Target, served, targets
from tests.support.attack.world import World, populate

from stead.core import authz
from stead.core.authz import Action, Actor, Cause, Decision, PlatformRole, Relation, Role
from stead.core.http import require_actor
from stead.deployments import service as deployment_service
from stead.kit import clock

# Whoever is signed in may do these, and they show nothing of anybody's.
HARMLESS = {
    Action.ABOUT_READ,
    Action.CATALOG_READ,
    Action.INVITATION_ACCEPT,
    Action.SESSION_END,
}
NOBODY = ATTACKERS[0]
PEOPLE = [one for one in ATTACKERS if one.standing is Standing.STRANGER]
pytestmark = pytest.mark.timeout(600)
PEOPLE_FROM_ELSEWHERE = [one for one in PEOPLE if one.role is None]


@pytest.fixture
async def matrix(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Matrix]:
    """Return a project to attack and one that attackers come from, of names of one length."""
    monkeypatch.setattr("pyotp.TOTP.generate_otp", lambda _self, _step: WORDS["code"])
    own = await populate(platform, "attacks")
    victim = await populate(platform, "victims", own.ids["project_id"])
    forms = Forms()
    for target in everything(platform):
        if target.is_page and not target.writes and not target.is_public:
            # Some forms are shown to the one of them, some to the other.
            for person in (victim.owner, victim.members[PlatformRole.ADMIN]):
                session = Credential(session=await platform.session(person))
                answer = await send(platform, fill(target, {}, victim.ids), session)
                forms.read(answer.text)
    async with Content(platform.database) as content:
        yield Matrix(platform, victim, own, forms, content)


def everything(platform: Platform) -> list[Target]:
    return [*targets(platform.control), *targets(platform.agents)]


async def test_rightful_callers_get_through(platform: Platform, matrix: Matrix):
    turned_away = []
    for target in everything(platform):
        if target.is_public:
            continue
        person = rightful(matrix.victim, target.declared)
        credential = Credential(session=await platform.session(person))
        request = fill(target, {}, matrix.victim.ids, matrix.forms)
        answer = await replace(matrix, rehearsing=True).send(request, credential)
        # What does not fit the current state was looked at and allowed.
        if not (answer.status_code < 400 or answer.status_code == 409):
            turned_away.append((str(target), answer.status_code, answer.text[:400]))
    assert turned_away == [], "give these a value that fits in filling.WORDS or world.populate"


async def withstood(platform: Platform, matrix: Matrix, attackers: Iterable[Attacker]) -> None:
    """Let these attack everything, and see that nothing was wrong and nothing left out."""
    every = everything(platform)
    for attacker in attackers:
        assert await matrix.run(every, attacker) == []
        # What somebody may do is no attack; reading it shows that they see nothing else.
        owed = {
            (str(one), str(attacker))
            for one in every
            if not (one.writes and attacker.towards(one) is Standing.ENTITLED)
        }
        assert owed - matrix.attacked == set()
        assert len(owed) > len(every) / 4


async def test_nobody_gets_what_is_not_theirs(platform: Platform, matrix: Matrix):
    await withstood(platform, matrix, PEOPLE_FROM_ELSEWHERE)


@pytest.mark.any_database
@pytest.mark.release
async def test_nobody_gets_in_without_a_credential_that_counts(platform: Platform, matrix: Matrix):
    nobodies = [one for one in ATTACKERS if one.standing is Standing.NOBODY]
    await withstood(platform, matrix, nobodies)


@pytest.mark.any_database
@pytest.mark.release
@pytest.mark.parametrize("half", [0, 1])
async def test_no_lesser_role_does_what_a_greater_one_may(
    platform: Platform, matrix: Matrix, half: int
):
    """Two halves, so that two processes share them."""
    await withstood(platform, matrix, [one for one in ATTACKERS if one.role is not None][half::2])


async def test_a_stranger_sees_the_same_whether_others_exist_or_not(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    """Lists, filters, searches and counts of others' things would differ."""
    now = clock.utc_now()
    monkeypatch.setattr(clock, "utc_now", lambda: now)
    own = await populate(platform, "attacks")
    credential = Credential(session=await platform.session(own.owner))
    reads = [one for one in everything(platform) if not one.writes and not one.is_public]

    async def look() -> dict[str, object]:
        return {
            str(one): comparable(await send(platform, fill(one, own.ids, {}), credential), {})
            for one in reads
        }

    before = await look()
    await populate(platform, "victims")
    assert await look() == before


# What follows proves the suite: for each action a check is switched off, and it has to notice.
# That is about the suite, so one kind of database is enough.


def of_action(platform: Platform, action: Action) -> list[Target]:
    return [one for one in everything(platform) if one.declared == action]


async def noticed(matrix: Matrix, chosen: list[Target], who: Iterable[Attacker]) -> set[str]:
    """Return those of the targets about which something was found to be wrong."""
    rehearsal = replace(matrix, rehearsing=True)
    findings = [wrong for one in who for wrong in await rehearsal.run(chosen, one)]
    return {str(one) for one in chosen if any(wrong.startswith(f"{one}: ") for wrong in findings)}


def let_in(platform: Platform, action: Action, victim: World, *, strangers: bool) -> None:
    """Take whoever asks for who may do it, where this action is asked for."""

    async def mistaken(request: Request) -> Actor:
        actor: Actor | None = request.state.actor
        if authz.declared(request.scope["endpoint"]) != action or (actor and not strangers):
            return await require_actor(request)
        csrf = actor.csrf if actor is not None else ""
        return replace(rightful(victim, action), csrf=csrf)

    served(platform.control).dependency_overrides[require_actor] = mistaken


def test_every_attacker_is_in_one_of_these_tests():
    nobodies = {one.name for one in ATTACKERS if one.standing is Standing.NOBODY}
    people = {one.name for one in PEOPLE_FROM_ELSEWHERE}
    lesser = {one.name for one in ATTACKERS if one.role is not None}
    assert nobodies | people | lesser == {one.name for one in ATTACKERS}


@pytest.mark.sqlite
@pytest.mark.release
async def test_it_is_noticed_when_signing_in_is_not_asked_for(platform: Platform, matrix: Matrix):
    missed = {}
    # Signing out answers alike whether there was a session to end or not.
    for action in set(Action) - {Action.SESSION_END}:
        chosen = of_action(platform, action)
        let_in(platform, action, matrix.victim, strangers=False)
        found = await noticed(matrix, chosen, [NOBODY])
        if not chosen or found != {str(one) for one in chosen}:
            missed[action] = chosen
    assert missed == {}


@pytest.mark.sqlite
@pytest.mark.release
async def test_it_is_noticed_when_it_does_not_matter_whose_things_they_are(
    platform: Platform, matrix: Matrix
):
    missed = {}
    for action in set(Action) - HARMLESS:
        chosen = of_action(platform, action)
        let_in(platform, action, matrix.victim, strangers=True)
        if not await noticed(matrix, chosen, PEOPLE_FROM_ELSEWHERE):
            missed[action] = chosen
    assert missed == {}


def blind(action: Action, real: Callable[..., Decision]) -> Callable[..., Decision]:
    """Return a policy that allows one action to everybody."""

    def look(actor: Actor, asked: Action, project_id: str | None = None) -> Decision:
        if asked == action:
            return Decision(True, Cause.ROLE, asked)
        return real(actor, asked, project_id)

    return look


@pytest.mark.sqlite
@pytest.mark.release
async def test_it_is_noticed_when_the_policy_allows_it_to_everybody(
    platform: Platform, matrix: Matrix
):
    missed = {}
    who = [one for one in PEOPLE if one.role in {None, Role.VIEWER}]
    for action in (one for one in Action if RULES[one].relation is Relation.PROJECT):
        chosen = of_action(platform, action)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(authz, "decide", blind(action, authz.decide))
            found = await noticed(matrix, chosen, who)
        with_ids = {str(one) for one in chosen if fill(one, {}, matrix.victim.ids).foreign}
        if not found or not with_ids <= found:
            missed[action] = with_ids - found
    assert missed == {}


@pytest.mark.sqlite
@pytest.mark.release
async def test_it_is_noticed_when_scopes_are_not_looked_at(platform: Platform, matrix: Matrix):
    missed = {}
    unscoped = next(one for one in ATTACKERS if one.name == "a token without the scope")

    async def forgetful(request: Request) -> Actor:
        actor: Actor | None = request.state.actor
        request.state.actor = None if actor is None else replace(actor, scopes=None)
        return await require_actor(request)

    served(platform.control).dependency_overrides[require_actor] = forgetful
    for action in Action:
        chosen = of_action(platform, action)
        if not chosen or await noticed(matrix, chosen, [unscoped]) != {str(c) for c in chosen}:
            missed[action] = chosen
    assert missed == {}


@pytest.mark.sqlite
async def test_it_is_noticed_when_the_refusal_comes_after_the_deed(
    platform: Platform, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
):
    async def hasty(*_: object) -> None:
        await platform.project("made-by-mistake")
        raise authz.NotFoundError("There is no such deployment, or it is not yours")

    monkeypatch.setattr(deployment_service, "reveal", hasty)
    findings = await matrix.run(of_action(platform, Action.DEPLOYMENT_REVEAL), PEOPLE[0])
    assert [one for one in findings if "changed ['project']" in one]


@pytest.mark.sqlite
async def test_it_is_noticed_when_strangers_hear_that_something_exists(
    platform: Platform, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
):
    def talkative(*_: object) -> None:
        raise authz.ForbiddenError("This is not yours")

    monkeypatch.setattr(authz, "require", talkative)
    findings = await matrix.run(of_action(platform, Action.OPERATION_READ), PEOPLE[0])
    assert [one for one in findings if " hears " in one]
