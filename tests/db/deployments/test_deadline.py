"""Work that takes for ever ends some day, and what it had taken is free again."""

import asyncio
from datetime import timedelta
from unittest.mock import Mock

from sqlalchemy import update
from tests.factories.databases import rows
from tests.factories.durable import ended, working
from tests.factories.platform import Platform

from stead.bundles.service import BundleWorks
from stead.core import durable
from stead.core.authz import Role
from stead.core.durable import OperationRow
from stead.deployments import workflows
from stead.deployments.public import DeploymentIn, create
from stead.fleet.tasks import Fleet
from stead.kit import clock
from stead.sources.workflows import refresh_plan

RESERVED = ("deployment", "instance", "address", "claim", "route")


async def test_a_deployment_whose_time_is_up_is_taken_back(platform: Platform):
    ada = await platform.person("Ada", **{await platform.project("main"): Role.DEVELOPER})
    asked, forever = asyncio.Event(), asyncio.Event()

    async def engines(_cluster_id: str) -> None:
        asked.set()
        await forever.wait()

    known = {"database": platform.database, "vault": platform.vault, "image": "stead-base"}
    plan = workflows.deploy_plan(Mock(engines=engines, **known))
    async with platform.database.write() as uow:
        body = DeploymentIn.model_validate({"app": "redis", "name": "cache"})
        made = await create(uow, ada, platform.deployments, body)
    async with platform.database.read() as uow:
        row = await durable.get(uow, made.operation_id)
    assert row.deadline_at - row.created_at == timedelta(seconds=plan.deadline_seconds)
    async with working(platform.database, plan, lease_seconds=0.2):
        await asyncio.wait_for(asked.wait(), 20)
        async with platform.database.write() as uow:
            past = clock.utc_now() - timedelta(seconds=1)
            await uow.session.execute(update(OperationRow).values(deadline_at=past))
        operation = await ended(platform.database, made.operation_id, 20)
    assert (operation.state, operation.error["code"]) == ("failed", "operation.deadline_passed")
    left = await rows(platform.database)
    assert [table for table in RESERVED if left.get(table)] == []


def test_no_deadline_is_shorter_than_what_a_step_may_take(platform: Platform):
    fleet, works = platform.services.get(Fleet), platform.services.get(BundleWorks)
    deploying = platform.deployments
    plans = (
        *(deploying.deploy_plan, deploying.cluster_plan, works.deploy_plan),
        *(fleet.task_plan, fleet.install_plan, fleet.uninstall_plan, fleet.bulk_plan),
        refresh_plan(Mock()),
    )
    for plan in plans:
        assert plan.deadline_seconds is not None, plan.kind
        longest = max(step.limit_seconds for step in plan.steps)
        assert plan.deadline_seconds > longest, plan.kind
