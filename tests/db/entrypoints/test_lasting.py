"""Streams end soon after what allowed them has ended, and go on otherwise."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import delete, update
from starlette.requests import Request
from tests.factories.platform import Platform

from stead.core.authz import Actor, Role
from stead.core.db import Uow
from stead.deployments import public as deployments
from stead.deployments.public import DeploymentIn
from stead.entrypoints import lasting
from stead.identity.models import ApiTokenRow, MembershipRow, SessionRow, UserRow
from stead.kit import clock

# As it is outside of these tests.
LOOK_SECONDS = lasting.LOOK_SECONDS
End = Callable[[Uow, Actor], Awaitable[object]]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "LOOK_SECONDS", 0.05)


async def revoke(uow: Uow, actor: Actor) -> None:
    await uow.session.execute(delete(ApiTokenRow).where(ApiTokenRow.user_id == actor.user_id))


async def expire(uow: Uow, actor: Actor) -> None:
    old = clock.utc_now()
    who = ApiTokenRow.user_id == actor.user_id
    await uow.session.execute(update(ApiTokenRow).where(who).values(expires_at=old))


async def sign_out(uow: Uow, actor: Actor) -> None:
    await uow.session.execute(delete(SessionRow).where(SessionRow.user_id == actor.user_id))


async def dismiss(uow: Uow, actor: Actor) -> None:
    who = MembershipRow.user_id == actor.user_id
    await uow.session.execute(delete(MembershipRow).where(who))


async def disable(uow: Uow, actor: Actor) -> None:
    who = UserRow.id == actor.user_id
    await uow.session.execute(update(UserRow).where(who).values(disabled_at=clock.utc_now()))


async def begin(platform: Platform) -> tuple[Actor, Actor, str]:
    """Return two who may see an operation that goes on, and where its events are."""
    project = await platform.project("main")
    ada = await platform.person("Ada", **{project: Role.OWNER})
    bob = await platform.person("Bob", **{project: Role.VIEWER})
    async with platform.database.write() as uow:
        accepted = await deployments.create(
            uow, ada, platform.deployments, DeploymentIn(app="redis")
        )
    return ada, bob, f"/api/v1/operations/{accepted.operation_id}/events"


async def reading(platform: Platform, number: int) -> None:
    """Wait until so many read."""
    topics = platform.database.bus._waiters
    async with asyncio.timeout(20):
        while True:
            if sum(map(len, topics.values())) >= number:
                return
            await asyncio.sleep(0.01)


ENDS = {
    "token": (revoke, expire, dismiss, disable),
    "session": (sign_out, dismiss, disable),
}


@pytest.mark.parametrize(
    ("credential", "end"), [(kind, end) for kind, ends in ENDS.items() for end in ends]
)
async def test_a_stream_ends_with_what_allowed_it_and_others_go_on(
    platform: Platform, credential: str, end: End
):
    by_session = credential == "session"
    ada, bob, path = await begin(platform)
    token = "" if by_session else await platform.token(bob)
    async with platform.api(await platform.token(ada)) as one, platform.api(token) as other:
        if by_session:
            other.cookies.set("__Host-stead", await platform.session(bob))
        stays = asyncio.create_task(one.get(path, timeout=60))
        ends = asyncio.create_task(other.get(path, timeout=60))
        await reading(platform, 2)
        async with platform.database.write() as uow:
            await end(uow, bob)
        answer: httpx.Response = await asyncio.wait_for(ends, 20)
        refused = await other.get(path)
        assert not stays.done()
        stays.cancel()
    assert answer.status_code == 200
    assert "event: state" in answer.text
    assert "event: end" not in answer.text, "or its reader would not come again"
    assert refused.status_code in {401, 404}


async def test_they_end_within_ten_seconds(platform: Platform, monkeypatch: pytest.MonkeyPatch):
    """So many looks as it takes, at the distance that they have outside of tests."""
    ada, _, path = await begin(platform)
    looks = 0
    real = lasting.Lasting._is_still

    async def counted(self: lasting.Lasting, request: Request, actor: Actor) -> bool:
        nonlocal looks
        looks += 1
        return await real(self, request, actor)

    monkeypatch.setattr(lasting.Lasting, "_is_still", counted)
    async with platform.api(await platform.token(ada)) as one:
        ends = asyncio.create_task(one.get(path, timeout=60))
        await reading(platform, 1)
        async with platform.database.write() as uow:
            await revoke(uow, ada)
        looks = 0
        await asyncio.wait_for(ends, 20)
    assert 0 < looks * LOOK_SECONDS <= 10
