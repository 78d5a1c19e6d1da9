"""A package gets onto a machine by the rules that hold for a deployment."""

from pathlib import Path

import pytest
from tests.factories.durable import ended, working
from tests.factories.machines import Desk

from stead.core.authz import Actor
from stead.deployments.public import REFUSED_APPS, DeploymentIn, create
from stead.fleet.tasks import Fleet

SMALL = {"cores": "1", "memory_mb": "470", "disk_mb": "1000"}


async def test_what_admins_refuse_gets_onto_no_machine(desk: Desk):
    await desk.refuse("redis")
    alone = await desk.install("redis")
    body = {"machines": ["nas"], "install": {"app": "redis"}}
    many = await desk.http.post("/api/v1/bulk", json=body)
    assert [one.status_code for one in (alone, many)] == [403, 403]
    assert alone.json()["code"] == many.json()["code"] == "deployment.policy"
    assert REFUSED_APPS.name in alone.json()["fields"]["app"]
    assert (await desk.http.get(f"/api/v1/agents/{desk.machine}/packages")).json() == []
    assert (await desk.install("memcached")).status_code == 202


async def test_what_was_refused_while_it_waited_reaches_no_agent(desk: Desk):
    began = (await desk.install("redis")).json()
    await desk.refuse("redis")
    async with working(desk.platform.database, *desk.platform.services.get(Fleet).plans):
        operation = await ended(desk.platform.database, began["operation_id"])
    assert (operation.state, operation.error["fields"]) == ("failed", {"rule": REFUSED_APPS.name})
    assert (await desk.http.get("/api/v1/jobs")).json() == []
    (row,) = (await desk.http.get(f"/api/v1/agents/{desk.machine}/packages")).json()
    assert row["state"] == "failed"


async def test_an_app_waits_until_what_it_needs_works_on_the_same_machine(
    desk: Desk, tmp_path: Path
):
    desk.offer(tmp_path, "needy", dependencies=[{"package": "redis", "version": ">=1"}])
    refused = await desk.install("needy")
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog.unmet")
    assert refused.json()["hint"] == "Install that first: stead job install nas redis"
    assert (await desk.install("redis")).status_code == 202
    assert (await desk.install("needy")).status_code == 409, "redis is only begun"
    await desk.installed()
    assert (await desk.install("needy")).status_code == 202


async def test_what_does_not_go_together_is_refused_from_both_sides(desk: Desk, tmp_path: Path):
    desk.offer(tmp_path, "rival", conflicts=[{"package": "redis"}])
    assert (await desk.install("rival")).status_code == 202
    refused = await desk.install("redis")
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog.unmet")
    assert (await desk.install("rival")).status_code == 409, "it is being worked on"
    await desk.installed()
    assert (await desk.install("rival")).status_code == 202, "itself is no rival"


async def test_what_a_deployment_put_there_counts(desk: Desk, owner: Actor, tmp_path: Path):
    async with desk.platform.database.write() as uow:
        asked = DeploymentIn(app="redis", name="cache")
        await create(uow, owner, desk.platform.deployments, asked)
    rows = (await desk.http.get("/api/v1/agents")).json()
    guest = next(row["id"] for row in rows if row["kind"] == "instance")
    desk.offer(tmp_path, "rival", conflicts=[{"package": "redis"}])
    assert (await desk.install("rival", guest)).status_code == 409
    assert (await desk.install("rival")).status_code == 202, "another machine"


@pytest.mark.parametrize(
    ("needs", "facts", "answer"),
    [
        ({"min_ram_mb": 512}, SMALL, 202),
        ({"min_ram_mb": 1024}, SMALL, 409),
        ({"min_disk_mb": 2048}, SMALL, 409),
        ({"min_cores": 2}, SMALL, 409),
        ({"min_ram_mb": 4096, "min_cores": 64}, {"os": "debian"}, 202),
        ({"min_ram_mb": 4096}, {"memory_mb": "much"}, 202),
    ],
)
async def test_a_machine_that_is_too_small_is_refused_one_that_tells_nothing_is_not(
    desk: Desk, tmp_path: Path, needs: dict[str, int], facts: dict[str, str], answer: int
):
    await desk.join(**facts)
    asked = {"min_ram_mb": 16, "min_disk_mb": 16, **needs}
    desk.offer(tmp_path, "large", resource_requirements=asked)
    got = await desk.install("large")
    assert got.status_code == answer, got.text
    if answer == 409:
        assert got.json()["code"] == "fleet.unfit"
        assert len(got.json()["fields"]) == 1


async def test_containers_of_its_own_get_no_app_into_a_guest_made_without(
    desk: Desk, owner: Actor, tmp_path: Path
):
    async with desk.platform.database.write() as uow:
        asked = DeploymentIn(app="redis", name="cache")
        await create(uow, owner, desk.platform.deployments, asked)
    rows = (await desk.http.get("/api/v1/agents")).json()
    guest = next(row["id"] for row in rows if row["kind"] == "instance")
    needs = {"min_ram_mb": 16, "min_disk_mb": 16}
    desk.offer(tmp_path, "nest", nesting=True, resource_requirements=needs)
    refused = await desk.install("nest", guest)
    assert (refused.status_code, refused.json()["code"]) == (409, "fleet.unfit")
    assert (await desk.install("nest")).status_code == 202, "a server is its owner's"
