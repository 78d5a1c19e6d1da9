"""Deployments on a connected Proxmox cluster, from the request to the removal."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.db.infra.connected import BASE, PATIENCE
from tests.factories.elsewhere import CLUSTER, HOSTING, House, at_work, house
from tests.factories.platform import Platform
from tests.proxmox.double import Double
from tests.support.proxmox import TEMPLATE, cluster

from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.scheduler import Lock, Scope
from stead.infra.fleet import Fleet

pytestmark = pytest.mark.timeout(180)  # a machine that may be busy


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(speed=20) as started:
        yield started


@pytest.fixture
async def one(platform: Platform, double: Double, tmp_path: Path) -> AsyncIterator[House]:
    async with house(platform, double, tmp_path) as made:
        yield made


async def clone_from_template(one: House) -> None:
    answer = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=HOSTING | {"image": TEMPLATE})
    assert answer.status_code == 200, answer.text


async def test_a_guest_from_an_archive_gets_its_token_with_its_creation(one: House):
    async with at_work(one):
        accepted = await one.deploy()
        done = await one.ended(accepted["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        answer = await one.api.get(f"/api/v1/deployments/{accepted['deployment_id']}")
        assert answer.json()["state"] == "live"
        assert answer.json()["cluster"] == CLUSTER
        ((_, guest),) = one.ours().items()
        assert guest.running
        assert "cmode" not in guest.config
        assert "ip=10.78.0.100/24" in guest.config["net0"]
        assert guest.config["nameserver"] == "10.78.0.1"
        gone = await one.api.delete(f"/api/v1/deployments/{accepted['deployment_id']}")
        assert (await one.ended(gone.json()["operation_id"]))["state"] == "succeeded"
    assert one.ours() == {}
    assert set((await one.records()).values()) == {0}


async def test_a_clone_gets_its_token_through_a_console_that_is_closed_again(one: House):
    await clone_from_template(one)
    async with at_work(one):
        accepted = await one.deploy()
        done = await one.ended(accepted["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        ((_, guest),) = one.ours().items()
        assert guest.running
        assert guest.mode == "tty"
        assert "cmode" not in guest.config
        assert "ip=10.78.0.100/24" in guest.config["net0"]
        assert "golden" not in str(guest.config.get("tags"))
        assert not guest.config.get("protection")
        assert one.strangers() == []
        gone = await one.api.delete(f"/api/v1/deployments/{accepted['deployment_id']}")
        assert (await one.ended(gone.json()["operation_id"]))["state"] == "succeeded"
    assert one.ours() == {}
    assert set((await one.records()).values()) == {0}


async def test_the_log_says_what_a_clone_waits_for(one: House):
    await clone_from_template(one)
    cluster_id = (await one.admin.get(f"{BASE}/{CLUSTER}")).json()["id"]
    driver = await one.platform.services.get(Fleet).engine(cluster_id)
    assert isinstance(driver, ProxmoxDriver)
    lock = Lock(Scope.TEMPLATE, "9000")
    async with at_work(one):
        async with driver.engine.scheduler.turn("somebody", lock):
            accepted = await one.deploy()
            log = f"/api/v1/operations/{accepted['operation_id']}/log"
            async with asyncio.timeout(PATIENCE):
                while True:
                    if "waiting for template 9000, 1 ahead" in (await one.api.get(log)).text:
                        break
                    await asyncio.sleep(0.05)
        done = await one.ended(accepted["operation_id"])
    assert done["state"] == "succeeded", done["error"]
