"""Deployments whose guests are virtual machines, from an admin's word to the removal."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.db.infra.connected import BASE
from tests.factories.elsewhere import CLUSTER, HOSTING, House, at_work, continue_after_death, house
from tests.factories.platform import ORIGIN, Platform
from tests.integration.proxmox.machines import VM_TEMPLATE, add_vm_template
from tests.proxmox.double import Double
from tests.support.proxmox import cluster

from stead.identity import public as identity
from stead.identity.public import COOKIE
from stead.infra.models import ClusterRow

pytestmark = pytest.mark.timeout(180)
MACHINES = HOSTING | {"image": VM_TEMPLATE, "kind": "vm"}
REASON = "Clones of templates with a cloud-init drive"


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(speed=40) as started:
        add_vm_template(started.world, storage="local-btrfs", gib=1)
        yield started


@pytest.fixture
async def one(platform: Platform, double: Double, tmp_path: Path) -> AsyncIterator[House]:
    async with house(platform, double, tmp_path) as made:
        yield made


async def declares(one: House, verdict: str) -> None:
    async with one.platform.database.write() as uow:
        row = await uow.session.scalar(select(ClusterRow).where(ClusterRow.name == CLUSTER))
        assert row is not None
        row.capabilities = [{"ability": "vms", "verdict": verdict, "reason": REASON}]


async def test_a_machine_gets_its_token_by_cloud_init_and_goes_with_its_deployment(one: House):
    answer = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=MACHINES)
    assert answer.json()["hosting"]["kind"] == "vm"
    async with at_work(one):
        accepted = await one.deploy()
        done = await one.ended(accepted["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        ((_, guest),) = one.ours().items()
        assert (guest.kind, guest.running) == ("qemu", True)
        assert guest.config["ipconfig0"] == "ip=10.78.0.100/24,gw=10.78.0.1"
        assert "golden" not in str(guest.config["tags"])
        assert one.strangers() == []
        gone = await one.api.delete(f"/api/v1/deployments/{accepted['deployment_id']}")
        assert (await one.ended(gone.json()["operation_id"]))["state"] == "succeeded"
    assert one.ours() == {}
    assert set((await one.records()).values()) == {0}


async def test_an_app_that_nests_needs_no_leave_for_that_in_a_machine(one: House):
    await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=MACHINES)
    body = {"app": "docker", "name": "site", "cluster": CLUSTER}
    answer = await one.api.post("/api/v1/deployments", json=body)
    assert answer.status_code == 202, answer.text
    async with at_work(one):
        done = await one.ended(answer.json()["operation_id"])
    assert done["state"] == "succeeded", done["error"]
    ((_, guest),) = one.ours().items()
    assert (guest.kind, guest.config.get("features")) == ("qemu", None)


async def failing(one: House) -> str:
    """Ask for a site whose machine cannot come, and return why that ended."""
    await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=MACHINES)
    async with at_work(one):
        accepted = await one.deploy()
        done = await one.ended(accepted["operation_id"])
    assert done["state"] == "failed"
    assert one.ours() == {}
    return str(done["error"])


async def test_a_template_without_cloud_init_is_refused_before_anything_is_made(
    one: House, double: Double
):
    template = next(guest for guest in double.world.guests.values() if guest.kind == "qemu")
    del template.config["ide2"]
    assert "has no cloud-init drive" in await failing(one)
    assert not [path for method, path, _ in double.calls if path.endswith("/clone")]


async def test_a_host_that_cannot_run_machines_leaves_none_behind(one: House, double: Double):
    double.settings.kvm = False
    assert "KVM virtualisation" in await failing(one)
    assert set((await one.records()).values()) == {0}


@pytest.mark.parametrize("step", ["create", "start"])
async def test_a_worker_that_dies_after_an_effect_is_continued(one: House, step: str):
    await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=MACHINES)
    await continue_after_death(one, step)


async def test_where_there_are_none_they_are_refused_and_not_offered(
    one: House, platform: Platform
):
    secret = await platform.session(await platform.admin("Eve"))
    async with platform.api(Cookie=f"{COOKIE}={secret}", Origin=ORIGIN) as browser:
        await declares(one, "no")
        refused = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=MACHINES)
        assert refused.status_code == 422
        assert REASON in refused.json()["fields"]["kind"]
        assert "hosting-kind" not in (await browser.get(f"/clusters/{CLUSTER}")).text
        await declares(one, "limited")
        shown = html.unescape((await browser.get(f"/clusters/{CLUSTER}")).text)
        assert "hosting-kind" in shown
        assert REASON in shown
        form = {"csrf": identity.csrf_token(secret), **MACHINES}
        page = await browser.post(f"/clusters/{CLUSTER}/hosting", data=form)
        assert page.status_code == 303, page.text
        shown = (await browser.get(page.headers["location"])).text
        assert re.search(r'<option value="vm" selected>', shown)
        form = {name: value for name, value in form.items() if name != "kind"}
        await browser.post(f"/clusters/{CLUSTER}/hosting", data=form)
        told = (await one.admin.get(f"{BASE}/{CLUSTER}")).json()
        assert told["hosting"]["kind"] == "container"
        nonsense = await browser.post(f"/clusters/{CLUSTER}/hosting", data=form | {"kind": "x"})
        assert nonsense.status_code == 422
