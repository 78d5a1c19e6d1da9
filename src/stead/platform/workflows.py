"""The one look at a cluster that a person, or a new epoch, asks for; it changes nothing there."""

from stead.core.db import Database
from stead.core.durable import Json, Plan, Step, StepContext
from stead.engines.port import EngineDriver
from stead.infra import public as infra
from stead.kit import clock


def look_plan(database: Database, engine: EngineDriver) -> Plan:
    """Return the plan that writes down which guests there are."""

    async def look(_context: StepContext) -> dict[str, Json]:
        began_at = clock.utc_now()
        guests = await engine.inventory()
        async with database.write() as uow:
            cluster_id = await infra.local_cluster_id(uow)
            await infra.record(uow, cluster_id, infra.Look(began_at, guests))
        return {"guests": len(guests)}

    return Plan(
        kind="platform.look",
        version=1,
        steps=(Step("look", "Ask the engine which guests there are", look, attempts=5),),
    )
