"""Limits: reserved with the intent, never exceeded, given back exactly once."""

import asyncio

import pytest
from tests.factories.durable import cancel, ended, working
from tests.factories.platform import Platform, end_operations

from stead.core.authz import Actor, ForbiddenError, NotFoundError
from stead.core.durable import Plan, Step, StepContext
from stead.core.errors import Kind
from stead.deployments import public as deployments, workflows
from stead.deployments.public import DeploymentIn
from stead.identity import limits
from stead.identity.errors import InvalidRequestError, LimitReachedError
from stead.identity.rules import Resource
from stead.instances.public import NameTakenError


@pytest.fixture
async def root(platform: Platform) -> Actor:
    return await platform.person("root", admin=True)


@pytest.fixture
def main(ada: Actor) -> str:
    return next(iter(ada.projects))


async def use(platform: Platform, actor: Actor, project: str) -> dict[str, int]:
    async with platform.database.read() as uow:
        return {one.resource.value: one.used for one in await limits.list_use(uow, actor, project)}


async def limit(platform: Platform, root: Actor, project: str, **amounts: int | None) -> None:
    wanted = {Resource(name): amount for name, amount in amounts.items()}
    async with platform.database.write() as uow:
        await limits.set_limits(uow, root, project, wanted)


async def deploy(platform: Platform, actor: Actor, name: str) -> str:
    async with platform.database.write() as uow:
        asked = DeploymentIn(app="redis", name=name)
        made = await deployments.create(uow, actor, platform.deployments, asked)
    return made.operation_id


async def test_a_deployment_takes_up_what_it_needs(platform: Platform, ada: Actor, main: str):
    await deploy(platform, ada, "cache")
    found = await use(platform, ada, main)
    assert (found["instances"], found["addresses"], found["routes"]) == (1, 1, 1)
    assert (found["cores"], found["memory_mb"], found["disk_gb"]) == (1, 512, 8)


async def test_a_refusal_names_limit_use_and_what_to_do(
    platform: Platform, ada: Actor, root: Actor, main: str
):
    await limit(platform, root, main, memory_mb=600, instances=5)
    await deploy(platform, ada, "cache")
    with pytest.raises(LimitReachedError) as caught:
        await deploy(platform, ada, "second")
    error = caught.value
    assert error.kind is Kind.QUOTA
    assert error.fields == {
        "memory_mb": "512 of 600 MB of memory are in use, and this needs 512 more"
    }
    assert "ask a platform admin" in error.hint
    assert (await use(platform, ada, main))["instances"] == 1


async def test_the_refusal_is_the_same_over_http(
    platform: Platform, ada: Actor, root: Actor, main: str
):
    async with platform.api(await platform.token(root)) as api:
        path = f"/api/v1/projects/{main}/limits"
        assert (await api.patch(path, json={"instances": 0})).status_code == 200
    async with platform.api(await platform.token(ada)) as api:
        answer = await api.post("/api/v1/deployments", json={"app": "redis", "name": "cache"})
        assert (answer.status_code, answer.json()["code"]) == (409, "limit.reached")
        shown = (await api.get(f"/api/v1/projects/{main}")).json()["use"]
    assert {"resource": "instances", "used": 0, "limit": 0} in shown


async def test_requests_at_once_do_not_share_the_last_free_place(
    platform: Platform, ada: Actor, root: Actor, main: str
):
    await limit(platform, root, main, instances=3)
    got = await asyncio.gather(
        *(deploy(platform, ada, f"cache-{n}") for n in range(8)), return_exceptions=True
    )
    assert [type(one) for one in got].count(LimitReachedError) == 5
    assert (await use(platform, ada, main))["instances"] == 3


async def test_a_cancelled_deployment_gives_everything_back(
    platform: Platform, ada: Actor, main: str
):
    operation_id = await deploy(platform, ada, "cache")
    await cancel(platform.database, operation_id)
    async with working(platform.database, releasing(platform)):
        assert (await ended(platform.database, operation_id)).state == "cancelled"
    assert set((await use(platform, ada, main)).values()) == {0}


def releasing(platform: Platform) -> Plan:
    """Return the plan of a deployment with its real end, and nothing of an engine."""
    tools = workflows.Tools.__new__(workflows.Tools)
    object.__setattr__(tools, "database", platform.database)
    object.__setattr__(tools, "vault", platform.vault)
    object.__setattr__(tools, "simulated", False)
    steps = workflows.deploy_plan(tools).steps

    async def nothing(_context: StepContext) -> None:
        return None

    rest = tuple(Step(one.name, one.title, nothing) for one in steps[1:])
    plan = platform.deployments.deploy_plan
    return Plan(plan.kind, plan.version, (steps[0], *rest))


async def test_giving_back_twice_gives_back_once(platform: Platform, ada: Actor, main: str):
    async with platform.database.write() as uow:
        for owner in ("deployment:1", "deployment:2"):
            await limits.reserve(uow, owner, main, {Resource.CORES: 2})
        for _ in range(2):
            await limits.release(uow, "deployment:1")
    assert (await use(platform, ada, main))["cores"] == 2


async def test_what_is_refused_takes_nothing_up(platform: Platform, ada: Actor, main: str):
    await deploy(platform, ada, "cache")
    async with platform.database.write() as uow:
        await end_operations(uow)
    with pytest.raises(NameTakenError):
        await deploy(platform, ada, "cache")
    assert (await use(platform, ada, main))["instances"] == 1


async def test_a_limit_below_the_use_takes_nothing_away(
    platform: Platform, ada: Actor, root: Actor, main: str
):
    await deploy(platform, ada, "cache")
    await limit(platform, root, main, instances=0, cores=0)
    await limit(platform, root, main, cores=None)
    async with platform.database.read() as uow:
        found = {one.resource: one for one in await limits.list_use(uow, ada, main)}
    assert (found[Resource.INSTANCES].used, found[Resource.INSTANCES].limit) == (1, 0)
    assert found[Resource.CORES].limit is None


async def test_limits_are_set_by_admins_and_make_sense(
    platform: Platform, ada: Actor, root: Actor, main: str
):
    async with platform.database.write() as uow:
        with pytest.raises(ForbiddenError):
            await limits.set_limits(uow, ada, main, {Resource.CORES: 5})
        with pytest.raises(InvalidRequestError):
            await limits.set_limits(uow, root, main, {Resource.CORES: -1})
        with pytest.raises(NotFoundError):
            await limits.set_limits(uow, root, "x" * 26, {Resource.CORES: 1})
