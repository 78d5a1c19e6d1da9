"""The durable flow that keeps guests ready."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from stead.core.db import Database, Uow
from stead.core.durable import Json, Limit, Plan, Step, StepContext
from stead.core.durable.schedule import Schedule
from stead.engines.abilities import Enrols, Reassigns
from stead.engines.errors import UnsupportedError
from stead.engines.port import EngineDriver
from stead.engines.values import GuestKind, GuestSpec
from stead.infra import public as infra
from stead.instances import handing, warm
from stead.instances.rules import SHAPES
from stead.instances.warm import Filling, Warm
from stead.kit import cron

ENGINE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What keeping guests ready works with. ``image`` is what they begin as here."""

    database: Database
    engines: Callable[[str], Awaitable[EngineDriver]]
    image: str


def fill_plan(tools: Tools) -> Plan:
    """Return the plan that makes what is lacking and deletes what is too much."""

    async def empty(_context: StepContext) -> dict[str, Json]:
        async with tools.database.read() as uow:
            surplus = await warm.surplus(uow)
        for one in surplus:
            await _delete(tools, one)
        return {"deleted": len(surplus)}

    async def fill(context: StepContext) -> dict[str, Json]:
        made = 0
        async with tools.database.read() as uow:
            begun = await warm.unfinished(uow)
        for one in begun:
            await _make(tools, one)
        while (new := await _begin_next(tools)) is not None:
            await _make(tools, new)
            await context.emit("log", {"stream": "agent", "text": f"{new.native_name} is ready"})
            made += 1
        return {"made": made + len(begun)}

    async def drop_unfinished(_context: StepContext) -> None:
        async with tools.database.read() as uow:
            begun = await warm.unfinished(uow)
        for one in begun:
            await _delete(tools, one)

    return Plan(
        kind="instances.warm",
        version=1,
        steps=(
            Step("empty", "Delete what is too much", empty, limits=_alone),
            Step("fill", "Make what is lacking", fill, drop_unfinished, 2, limits=_alone),
        ),
    )


def fill_schedule(plan: Plan) -> Schedule:
    """Return the schedule that asks for it each minute in which there is something to do."""

    async def look(uow: Uow, key: str) -> str | None:
        if await warm.lacking(uow) or await warm.surplus(uow):
            return await warm.submit(uow, Filling(plan), "Stead", key)
        return None

    return Schedule("warm", cron.parse("* * * * *"), look)


async def _begin_next(tools: Tools) -> Warm | None:
    async with tools.database.write() as uow:
        for target, size in await warm.lacking(uow):
            hosting = await infra.hosting_of(uow, target.id)
            image = hosting.image if hosting is not None else tools.image
            return await warm.begin(uow, target, size, image)
    return None


async def _make(tools: Tools, one: Warm) -> None:
    engine = await tools.engines(one.cluster_id)
    async with tools.database.read() as uow:
        number = await infra.number_of(uow, one.id)
        hosting = await infra.hosting_of(uow, one.cluster_id)
    shape = SHAPES[one.size]
    spec = GuestSpec(
        name=one.native_name,
        key=one.key,
        owner=one.id,
        image=one.image,
        network="",
        address=None,
        mac="",
        cores=shape.cores,
        memory_mb=shape.memory_mb,
        disk_gb=shape.disk_gb,
        kind=hosting.kind if hosting is not None else GuestKind.CONTAINER,
        number=number,
    )
    if not isinstance(engine, Reassigns):
        raise UnsupportedError("This engine cannot give guests away, so none is kept ready")
    if isinstance(engine, Enrols) and (await engine.way_in(spec)).at_creation:
        raise UnsupportedError(
            f"Guests from {one.image} get their token as they are made, so none can be kept ready",
            hint="Let guests there begin as a template of a container",
        )
    await engine.settle(await engine.create(spec), ENGINE_SECONDS)
    async with tools.database.write() as uow:
        await warm.finish(uow, one)


async def _delete(tools: Tools, one: Warm) -> None:
    engine = await tools.engines(one.cluster_id)
    await infra.leave(tools.database, one.id, infra.Wanted.ABSENT)
    await handing.remove(engine, one, one.id)
    async with tools.database.write() as uow:
        await warm.settle(uow, one, None)


def _alone(_context: StepContext) -> list[Limit]:
    return [Limit("warm", 1)]
