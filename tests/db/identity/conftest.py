"""People and ways to sign in."""

from types import SimpleNamespace

import pyotp
import pytest
from tests.factories.platform import Platform

from stead.core.authz import Actor, Role
from stead.identity import public as identity
from stead.identity.public import Doors
from stead.kit import clock

PASSWORD = "correct horse battery"


@pytest.fixture
def doors(platform: Platform) -> Doors:
    return platform.services.get(Doors)


@pytest.fixture
async def ada(platform: Platform) -> Actor:
    """Return an owner with a password."""
    main = await platform.project("main")
    return await platform.person("ada", password=PASSWORD, **{main: Role.OWNER})


moment = SimpleNamespace(now=clock.utc_now())


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test begin within one code's thirty seconds and end within the next one's."""
    moment.now = clock.utc_now()
    monkeypatch.setattr(
        "stead.identity.second_factor.clock", SimpleNamespace(utc_now=lambda: moment.now)
    )


def code_of(secret: str, steps: int = 0) -> str:
    """Return what an authenticator app shows, now or some steps later."""
    return pyotp.TOTP(secret).at(moment.now, steps)


async def reload(platform: Platform, actor: Actor) -> Actor:
    """Return somebody as they are now."""
    async with platform.database.read() as uow:
        found = await identity.load_actor(uow, actor.user_id)
    assert found is not None
    return found
