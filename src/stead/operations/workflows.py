"""Work on operations themselves: forgetting old ones."""

from datetime import timedelta
from typing import Final

from stead.core import durable, platform_settings
from stead.core.db import Database, Uow
from stead.core.durable import Plan, Step, StepContext, Submission
from stead.core.durable.requests import NIGHTLY
from stead.core.durable.schedule import Schedule
from stead.kit import clock, cron
from stead.operations import settings

PLATFORM: Final = ""
NIGHT: Final = "17 3 * * *"


def purge_plan(database: Database) -> Plan:
    """Return the plan that forgets operations which ended long ago, some at a time."""

    async def purge(context: StepContext) -> dict[str, durable.Json]:
        days = context.params["days"]
        if not isinstance(days, int):
            raise TypeError("days is not a number")
        before, total = clock.utc_now() - timedelta(days=days), 0
        while True:
            async with database.write() as uow:
                gone = await durable.purge(uow, before)
            total += gone
            if not gone:
                return {"forgotten": total}

    return Plan(
        "operations.purge", 1, (Step("purge", "Forget old operations", purge),), repeatable=True
    )


def purge_schedule(plan: Plan) -> Schedule:
    """Return the schedule that asks for it each night."""

    async def submit(uow: Uow, key: str) -> str:
        days = await platform_settings.get(uow, settings.KEEP_DAYS)
        asked = Submission(
            project_id=PLATFORM,
            subject="platform:operations",
            title=f"Forget operations that ended {days} days ago",
            requested_by="Stead",
            params={"days": days},
            idempotency_key=key,
            request_hash=key,
            priority=NIGHTLY,
        )
        return await durable.submit(uow, plan, asked)

    return Schedule("operations.purge", cron.parse(NIGHT), submit)
