"""Sessions: listed, ended one by one, and ended by time."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from tests.factories.platform import Platform

from stead.core.authz import Actor, NotFoundError
from stead.identity import public as identity, sessions
from stead.identity.models import SessionRow, SignInLinkRow
from stead.identity.sessions import Client
from stead.kit import clock

IDLE = timedelta(hours=2)


async def sign_in(platform: Platform, person: Actor, address: str = "") -> tuple[str, Actor]:
    async with platform.database.write() as uow:
        token = await sessions.open_session(uow, person.user_id, Client(address, "Browser"))
    async with platform.database.read() as uow:
        found = await identity.find_actor_by_session(uow, token)
    assert found is not None
    return token, found


async def works(platform: Platform, token: str) -> bool:
    async with platform.database.read() as uow:
        return await identity.find_actor_by_session(uow, token) is not None


async def age(platform: Platform, **columns: timedelta) -> None:
    values = {name: clock.utc_now() - by for name, by in columns.items()}
    async with platform.database.write() as uow:
        await uow.session.execute(update(SessionRow).values(**values))


async def test_others_can_be_ended_one_by_one_and_all_at_once(platform: Platform, ada: Actor):
    made = [await sign_in(platform, ada, f"203.0.113.{n}") for n in range(4)]
    here = made[0][1]
    async with platform.database.write() as uow:
        listed = await sessions.list_sessions(uow, here)
        assert [one.current for one in listed].count(True) == 1
        other = next(one for one in listed if one.address == "203.0.113.1")
        await sessions.revoke_session(uow, here, other.id)
    assert [await works(platform, token) for token, _ in made] == [True, False, True, True]
    async with platform.database.write() as uow:
        assert await sessions.revoke_others(uow, here) == 2
    assert [await works(platform, token) for token, _ in made] == [True, False, False, False]


async def test_nobody_ends_sessions_of_others(platform: Platform, ada: Actor):
    token, mine = await sign_in(platform, ada)
    eve = await platform.person("eve")
    async with platform.database.write() as uow:
        session_id = (await sessions.list_sessions(uow, mine))[0].id
        with pytest.raises(NotFoundError):
            await sessions.revoke_session(uow, eve, session_id)
        await sessions.revoke_others(uow, eve)
    assert await works(platform, token)


async def test_a_session_that_nobody_uses_ends_and_one_that_is_used_goes_on(
    platform: Platform, ada: Actor
):
    token, _ = await sign_in(platform, ada)
    await age(platform, seen_at=IDLE - timedelta(minutes=10))
    assert await identity.recognise_session(platform.database, token) is not None
    async with platform.database.read() as uow:
        row = (await uow.session.scalars(select(SessionRow))).one()
    assert clock.utc_now() - row.seen_at < timedelta(minutes=1)
    await age(platform, seen_at=IDLE)
    assert await identity.recognise_session(platform.database, token) is None


async def test_a_session_ends_however_much_it_is_used(platform: Platform, ada: Actor):
    token, _ = await sign_in(platform, ada)
    await age(platform, expires_at=timedelta(0), seen_at=timedelta(0))
    assert not await works(platform, token)


async def test_signing_in_clears_away_what_has_expired(platform: Platform, ada: Actor):
    await sign_in(platform, ada)
    async with platform.database.write() as uow:
        await identity.issue_link(uow, ada.user_id)
        await uow.session.execute(update(SignInLinkRow).values(expires_at=clock.utc_now()))
    await age(platform, expires_at=timedelta(0))
    await sign_in(platform, ada)
    async with platform.database.read() as uow:
        left = [
            await uow.session.scalar(select(func.count()).select_from(table))
            for table in (SessionRow, SignInLinkRow)
        ]
    assert left == [1, 0]


async def test_a_strange_browser_fits_into_its_column(platform: Platform, ada: Actor):
    async with platform.database.write() as uow:
        client = Client("a" * 500, "b" * 5000)
        assert await sessions.open_session(uow, ada.user_id, client)
