"""Work on what is served: new certificates before the old ones end."""

from typing import Final

from stead.core import durable
from stead.core.db import Database, Uow
from stead.core.durable import Plan, Step, StepContext, Submission
from stead.core.durable.requests import NIGHTLY
from stead.core.durable.schedule import Schedule
from stead.core.pki import Authority
from stead.core.vault import Vault
from stead.exposure import service
from stead.kit import cron

PLATFORM: Final = ""
NIGHT: Final = "41 3 * * *"
AT_ONCE: Final = 20


def renew_plan(database: Database, vault: Vault, authority: Authority) -> Plan:
    """Return the plan that replaces certificates which are two thirds through their life."""

    async def renew(_context: StepContext) -> dict[str, durable.Json]:
        total = 0
        while True:
            async with database.write() as uow:
                done = await service.renew(uow, vault, authority, AT_ONCE)
            total += done
            if not done:
                return {"renewed": total}

    return Plan(
        "exposure.renew",
        1,
        (Step("renew", "Replace ageing certificates", renew),),
        repeatable=True,
    )


def renew_schedule(plan: Plan) -> Schedule:
    """Return the schedule that asks for it each night."""

    async def submit(uow: Uow, key: str) -> str:
        asked = Submission(
            project_id=PLATFORM,
            subject="platform:certificates",
            title="Replace ageing certificates",
            requested_by="Stead",
            params={},
            idempotency_key=key,
            request_hash=key,
            priority=NIGHTLY,
        )
        return await durable.submit(uow, plan, asked)

    return Schedule("exposure.renew", cron.parse(NIGHT), submit)
