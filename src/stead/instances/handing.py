"""Gives a guest that was kept ready to the instance that took it; called by its workflow."""

from typing import Final

from stead.core.db import Database
from stead.engines.abilities import Reassigns
from stead.engines.errors import ConflictError, NotFoundError
from stead.engines.port import EngineDriver
from stead.engines.values import GuestSpec
from stead.infra import public as infra
from stead.instances import warm
from stead.instances.warm import Warm

ENGINE_SECONDS: Final = 120.0


async def hand_over(
    database: Database, engine: EngineDriver, instance_id: str, spec: GuestSpec
) -> bool:
    """Let a guest that an instance took become it; tell whether it did.

    One that is gone or is of no use is forgotten, and the guest is to be made anew.
    """
    async with database.read() as uow:
        taken = await warm.taken_by(uow, instance_id)
    if taken is None:
        return False
    fits = taken.image == spec.image and isinstance(engine, Reassigns)
    if not (fits and isinstance(engine, Reassigns)):
        await drop_taken(database, engine, instance_id)
        return False
    await infra.leave(database, taken.id, infra.Wanted.ANY)
    try:
        task = await engine.reassign(taken.native_name, spec)
        await engine.settle(task, ENGINE_SECONDS)
    except NotFoundError:
        await drop_taken(database, engine, instance_id)
        return False
    async with database.write() as uow:
        await warm.settle(uow, taken, instance_id)
    return True


async def drop_taken(database: Database, engine: EngineDriver, instance_id: str) -> None:
    """Delete what an instance took and did not become; nothing is fine."""
    async with database.read() as uow:
        taken = await warm.taken_by(uow, instance_id)
    if taken is not None:
        await infra.leave(database, taken.id, infra.Wanted.ABSENT)
        await remove(engine, taken, instance_id)
        async with database.write() as uow:
            await warm.settle(uow, taken, None)


async def remove(engine: EngineDriver, one: Warm, heir: str) -> None:
    """Delete one from its engine, also when it is half-way to its heir."""
    found = await engine.find(one.native_name)
    if found is None:
        return
    # Half-way to an instance it carries that one's key already.
    if found.key not in (one.key, heir):
        raise ConflictError(f"The engine has a guest {one.native_name} that is not ours")
    await engine.settle(await engine.stop(one.native_name, force=True), ENGINE_SECONDS)
    await engine.settle(await engine.delete(one.native_name), ENGINE_SECONDS)
