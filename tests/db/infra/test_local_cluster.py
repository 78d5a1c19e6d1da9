"""The engine of this machine is recorded once."""

import pytest

from stead.core.db import Database
from stead.infra import public as infra
from stead.infra.errors import EngineChangedError


async def test_the_engine_is_recorded_once(database: Database):
    async with database.write() as uow:
        first = await infra.ensure_local_cluster(uow, "incus")
    async with database.write() as uow:
        assert await infra.ensure_local_cluster(uow, "incus") == first


async def test_another_engine_is_refused_so_that_no_guest_is_taken_for_deleted(
    database: Database,
):
    async with database.write() as uow:
        await infra.ensure_local_cluster(uow, "incus")
    with pytest.raises(EngineChangedError, match="incus"):
        async with database.write() as uow:
            await infra.ensure_local_cluster(uow, "simulator")
