"""A project whose owner has a server."""

from collections.abc import AsyncIterator

import pytest
from tests.factories.machines import Desk
from tests.factories.platform import Platform

from stead.core.authz import Actor, Role


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


@pytest.fixture
async def desk(platform: Platform, owner: Actor) -> AsyncIterator[Desk]:
    async with platform.api(await platform.token(owner)) as http, platform.agent() as wire:
        made = (await http.post("/api/v1/servers", json={"name": "nas"})).json()
        yield Desk(platform, http, wire, made["id"])
