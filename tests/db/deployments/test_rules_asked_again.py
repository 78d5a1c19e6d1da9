"""What admins decide while a deployment waits, or is kept to be looked at, holds for it too."""

from unittest.mock import Mock

import pytest
from sqlalchemy import update
from tests.factories.databases import rows
from tests.factories.durable import ended, look, working
from tests.factories.platform import Platform

from stead.core import durable
from stead.core.authz import Actor, Role
from stead.core.db import Database
from stead.core.durable import OperationRow, Plan, StepRow
from stead.core.platform_settings import AnySetting
from stead.core.platform_settings.store import Choice, put
from stead.deployments import elsewhere, public as deployments, settings, workflows
from stead.deployments.public import AcceptedOut, DeploymentIn

LEFT = {"operation", "operation_step", "operation_event", "network", "audit_record", "audit_head"}
LEFT |= {"platform_setting", "platform_setting_change"}


@pytest.fixture
async def actor(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.DEVELOPER})


async def ask(platform: Platform, actor: Actor) -> AcceptedOut:
    async with platform.database.write() as uow:
        body = DeploymentIn.model_validate({"app": "redis", "name": "cache", "size": "medium"})
        return await deployments.create(uow, actor, platform.deployments, body)


async def decide(database: Database, setting: AnySetting, value: object) -> None:
    async with database.write() as uow:
        await put(uow, setting, Choice(value, chosen=True), by="Root", expected=0)


def real(platform: Platform, version: int = 2) -> tuple[Plan, Mock]:
    """Return the plan of a deployment, and the engines, of which none is there."""
    engines = Mock(side_effect=AssertionError("an engine was asked"))
    known = {"database": platform.database, "vault": platform.vault, "image": "stead-base"}
    tools = Mock(engines=engines, **known)
    return workflows.deploy_plan(tools, version), engines


@pytest.mark.parametrize(
    ("setting", "value"),
    [(settings.REFUSED_APPS, ["redis"]), (settings.LARGEST_SIZE, "small")],
    ids=["app", "size"],
)
async def test_what_was_refused_meanwhile_ends_before_anything_is_made(
    platform: Platform, actor: Actor, setting: AnySetting, value: object
):
    before = await rows(platform.database)
    made = await ask(platform, actor)
    await decide(platform.database, setting, value)
    plan, engines = real(platform)
    async with working(platform.database, plan):
        operation = await ended(platform.database, made.operation_id)
    assert operation.state == "failed"
    assert operation.error["code"] == "operation.refused"
    assert operation.error["fields"] == {"rule": setting.name}
    assert setting.name in operation.error["message"]
    assert not engines.mock_calls, "nothing reached an engine"
    left = await rows(platform.database)
    assert {table: found for table, found in left.items() if table not in LEFT} == {
        table: found for table, found in before.items() if table not in LEFT
    }


async def test_what_is_still_allowed_goes_on_to_the_engine(platform: Platform, actor: Actor):
    made = await ask(platform, actor)
    await decide(platform.database, settings.LARGEST_SIZE, "medium")
    plan, engines = real(platform)
    async with working(platform.database, plan):
        operation = await ended(platform.database, made.operation_id)
    assert operation.error["step"] == "network"
    assert engines.mock_calls


async def test_a_retry_of_what_is_refused_now_is_refused_and_changes_nothing(
    platform: Platform, actor: Actor
):
    made = await ask(platform, actor)
    async with platform.database.write() as uow:
        await uow.session.execute(update(OperationRow).values(state="kept"))
        await uow.session.execute(update(StepRow).where(StepRow.position < 4).values(state="done"))
    await decide(platform.database, settings.REFUSED_APPS, ["redis"])
    async with platform.api(await platform.token(actor)) as api:
        path = f"/api/v1/operations/{made.operation_id}"
        answer = await api.post(f"{path}/retry", json={"from": "create"})
        assert (answer.status_code, answer.json()["code"]) == (403, "operation.refused")
        assert (await api.get(path)).json()["state"] == "kept"
        assert (await api.post(f"{path}/undo")).status_code == 202, "taking it back is free"


async def test_an_operation_of_the_version_before_runs_to_its_end(
    platform: Platform, actor: Actor
):
    made = await ask(platform, actor)
    old, engines = real(platform, version=1)
    assert [step.name for step in old.steps][:3] == ["reserve", "network", "create"]
    async with platform.database.write() as uow:
        row = await durable.get(uow, made.operation_id)
        again = durable.Submission(row.project_id, "old:1", row.title, "Ada", row.params)
        operation_id = await durable.submit(uow, old, again)
    known = {"database": platform.database, "vault": platform.vault, "image": "stead-base"}
    tools = Mock(engines=engines, **known)
    async with working(platform.database, *elsewhere.earlier_plans(tools)):
        operation = await ended(platform.database, operation_id)
    assert operation.error["step"] == "network", "as far as it comes without an engine"
    assert (await look(platform.database, made.operation_id)).state == "queued"
