"""Links, sessions and tokens."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.factories.databases import stored
from tests.factories.platform import Platform

from stead.core.authz import Actor, NotFoundError, Role, UnauthenticatedError
from stead.identity import public as identity
from stead.identity.models import ApiTokenRow, SessionRow, SignInLinkRow
from stead.kit import clock


@pytest.fixture
async def ada(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


async def link(platform: Platform, actor: Actor) -> str:
    async with platform.database.write() as uow:
        return await identity.issue_link(uow, actor.user_id)


async def redeem(platform: Platform, token: str) -> str:
    async with platform.database.write() as uow:
        return await identity.redeem_link(uow, token)


async def expire(platform: Platform, table: type) -> None:
    async with platform.database.write() as uow:
        await uow.session.execute(update(table).values(expires_at=clock.utc_now()))


async def test_a_link_signs_in_once(platform: Platform, ada: Actor):
    token = await link(platform, ada)
    session = await redeem(platform, token)
    async with platform.database.read() as uow:
        found = await identity.find_actor_by_session(uow, session)
        assert not await identity.link_is_open(uow, token)
    assert found is not None
    assert (found.user_id, found.projects) == (ada.user_id, ada.projects)
    with pytest.raises(UnauthenticatedError):
        await redeem(platform, token)


async def test_looking_at_a_link_does_not_use_it_up(platform: Platform, ada: Actor):
    token = await link(platform, ada)
    for _ in range(2):
        async with platform.database.read() as uow:
            assert await identity.link_is_open(uow, token)
    assert await redeem(platform, token)


async def test_old_and_invented_links_are_refused(platform: Platform, ada: Actor):
    token = await link(platform, ada)
    await expire(platform, SignInLinkRow)
    for one in (token, "stl_invented", "", "\x00"):
        with pytest.raises(UnauthenticatedError):
            await redeem(platform, one)


async def test_a_session_ends_by_time_and_by_signing_out(platform: Platform, ada: Actor):
    first, second = await platform.session(ada), await platform.session(ada)
    async with platform.database.write() as uow:
        await identity.end_session(uow, first)
    async with platform.database.read() as uow:
        assert await identity.find_actor_by_session(uow, first) is None
        assert await identity.find_actor_by_session(uow, second) is not None
    await expire(platform, SessionRow)
    async with platform.database.read() as uow:
        assert await identity.find_actor_by_session(uow, second) is None


async def test_a_token_works_until_it_expires_or_is_revoked(platform: Platform, ada: Actor):
    token = await platform.token(ada)
    async with platform.database.read() as uow:
        assert await identity.find_actor_by_token(uow, token) is not None
        known = await identity.list_tokens(uow, ada)
    assert token.startswith(known[0].prefix)
    assert known[0].expires_at > clock.utc_now() + timedelta(days=300)
    await expire(platform, ApiTokenRow)
    async with platform.database.read() as uow:
        assert await identity.find_actor_by_token(uow, token) is None


async def test_only_ones_own_tokens_can_be_revoked(platform: Platform, ada: Actor):
    eve = await platform.person("Eve")
    await platform.token(ada)
    async with platform.database.write() as uow:
        token_id = (await identity.list_tokens(uow, ada))[0].id
        with pytest.raises(NotFoundError):
            await identity.revoke_token(uow, eve, token_id)
        await identity.revoke_token(uow, ada, token_id)
        assert await identity.list_tokens(uow, ada) == []


async def test_the_disk_holds_no_token_that_works(platform: Platform, ada: Actor):
    made = [await platform.token(ada), await platform.session(ada), await link(platform, ada)]
    disk = await stored(platform.database)
    assert not [one for one in made if one.encode() in disk]


def test_forms_of_one_session_do_not_fit_another():
    assert identity.csrf_token("a") == identity.csrf_token("a")
    assert identity.csrf_token("a") != identity.csrf_token("b")


async def test_making_the_first_person_again_changes_nothing(platform: Platform):
    made = []
    for _ in range(2):
        async with platform.database.write() as uow:
            made.append(await identity.ensure_admin(uow, "admin", "first"))
    assert made[0] == made[1]


async def test_a_project_is_found_by_name_or_alone(platform: Platform, ada: Actor):
    async with platform.database.read() as uow:
        only = next(iter(ada.projects))
        assert await identity.project_id(uow, ada, None) == only
        assert await identity.project_id(uow, ada, "main") == only
        with pytest.raises(NotFoundError):
            await identity.project_id(uow, ada, "another")
    second = await platform.project("second")
    both = await platform.person("Bob", **{only: Role.OWNER, second: Role.VIEWER})
    async with platform.database.read() as uow:
        with pytest.raises(NotFoundError) as caught:
            await identity.project_id(uow, both, None)
    assert "main, second" in caught.value.fields["project"]
