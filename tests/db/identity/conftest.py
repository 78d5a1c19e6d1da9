"""People and ways to sign in."""

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


def code_of(secret: str, steps: int = 0) -> str:
    """Return what an authenticator app shows, now or some steps later."""
    return pyotp.TOTP(secret).at(clock.utc_now(), steps)


async def reload(platform: Platform, actor: Actor) -> Actor:
    """Return somebody as they are now."""
    async with platform.database.read() as uow:
        found = await identity.load_actor(uow, actor.user_id)
    assert found is not None
    return found
