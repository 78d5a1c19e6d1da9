"""Many deployments at once on a simulated cluster: nodes and templates are not overrun."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.factories.durable import events
from tests.factories.platform import Platform
from tests.factories.simulated import Site, simulated_site

from stead.core.durable import StepContext
from stead.deployments import places
from stead.infra import public as infra
from stead.operations import public as operations

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def site(platform: Platform, tmp_path: Path) -> AsyncIterator[Site]:
    async with simulated_site(platform, tmp_path) as made:
        yield made


async def test_no_more_are_made_on_a_node_than_a_setting_says_which_holds_at_once(site: Site):
    await site.choose(operations.PER_NODE, 2)
    made = await site.deploy(6)
    waits = await site.waiting(4)
    assert set(waits) == {"node:local"}
    await site.engine.until(lambda: site.engine.active == 2)
    await site.choose(operations.PER_NODE, 3)
    site.engine.let.release()
    await site.engine.until(lambda: site.engine.active == 3)
    site.engine.let_all()
    await site.all_end_well([one["operation_id"] for one in made])
    assert site.engine.most == 3
    told = await events(site.platform.database, made[-1]["operation_id"])
    assert [one.data["for"] for one in told if one.kind == "waiting"][:1] == ["node:local"]


async def test_a_template_is_copied_by_so_many_at_once_and_removals_wait_for_the_node(site: Site):
    await site.choose(operations.PER_TEMPLATE, 1)
    made = await site.deploy(3)
    assert set(await site.waiting(2)) == {"template:local/stead-base"}
    site.engine.let_all()
    await site.all_end_well([one["operation_id"] for one in made])
    assert site.engine.most == 1
    site.engine.let = asyncio.Semaphore(0)
    await site.choose(operations.PER_NODE, 2)
    paths = [f"/api/v1/deployments/{one['deployment_id']}" for one in made]
    gone = [(await site.http.delete(path)).json()["operation_id"] for path in paths]
    assert await site.waiting(1) == ["node:local"]
    await site.engine.until(lambda: site.engine.active == 2)
    site.engine.let_all()
    await site.all_end_well(gone)
    assert (await site.engine.inventory(), site.engine.most) == ((), 2)


async def _nothing(_kind: str, _data: object) -> None:
    return


def test_what_an_earlier_release_began_waits_for_no_place():
    context = StepContext("o", "p", "s", {}, {"reserve": {}}, "create", _nothing)
    for limits in (places.to_create, places.to_start, places.to_destroy):
        assert list(limits(context)) == []


def test_a_guest_is_started_on_the_node_that_it_was_made_on():
    results = {
        "reserve": {"cluster": "house", "node": "", "template": "base"},
        "create": {"node": "pve2"},
    }
    context = StepContext("o", "p", "s", {}, results, "start", _nothing)
    assert [one.key for one in places.to_create(context)] == ["node:house", "template:house/base"]
    assert [one.key for one in places.to_start(context)] == ["node:house/pve2"]


async def test_a_cluster_of_one_node_has_no_other(platform: Platform):
    async with platform.database.write() as uow:
        cluster_id = await infra.local_cluster_id(uow)
        assert await infra.node_of(uow, cluster_id, "nobody") == ""
