"""Bad days of a connected cluster: each has a state of its own, and ends by itself.

In none of them does a guest count as lost: an engine that tells us less is no engine with less.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from tests.db.infra.connected import (
    BASE,
    at_work,
    finding,
    opened,
    request,
    shown,
    surveyed,
    told,
    until,
)
from tests.factories.platform import Platform
from tests.proxmox import presets
from tests.proxmox.access import Grant
from tests.proxmox.double import Double
from tests.support.proxmox import cluster

from stead.infra import public as infra

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(preset=presets.pair) as started:
        presets.container(started.world, 101, hostname="shop")
        presets.container(started.world, 102, hostname="far", node="pve2")
        yield started


@pytest.fixture
async def api(platform: Platform, double: Double) -> AsyncIterator[httpx.AsyncClient]:
    """Return the API with the cluster connected, watched, and two guests of ours on it."""
    async with opened(platform) as client, at_work(platform):
        made = (await client.post(BASE, json=request(double))).json()["cluster"]
        await surveyed(client)
        async with platform.database.write() as uow:
            for name in ("shop", "far"):
                await infra.claim(uow, made["id"], name, owner=f"of-{name}", key="")
        for name in ("shop", "far"):
            await infra.leave(platform.database, f"of-{name}", infra.Wanted.STOPPED)
        yield client


async def nothing_is_lost(api: httpx.AsyncClient) -> None:
    found = await shown(api)
    assert found["guests"]["lost"] == 0, found["guests"]
    guests = (await api.get(f"{BASE}/house/guests")).json()["items"]
    assert {one["name"] for one in guests} == {"shop", "far"}


def token_expires(double: Double) -> Callable[[], None]:
    user = double.world.access.users["ctl@pve"]
    kept = user.tokens.pop("api")

    def heal() -> None:
        user.tokens["api"] = kept

    return heal


def rights_vanish(double: Double) -> Callable[[], None]:
    kept = dict(double.world.access.acl)
    double.world.access.acl.clear()
    return lambda: double.world.access.acl.update(kept)


def daemon_restarts(double: Double) -> Callable[[], None]:
    double.daemon("pmxcfs")
    return lambda: double.daemon("")


@pytest.mark.parametrize(
    ("strikes", "state", "words"),
    [
        (token_expires, "refused", "no such token"),
        (rights_vanish, "blind", "lacks VM.Audit on /vms"),
        (daemon_restarts, "away", "pve-cluster"),
    ],
)
async def test_a_cluster_that_tells_nothing_says_why_and_comes_back(
    api: httpx.AsyncClient,
    double: Double,
    strikes: Callable[[Double], Callable[[], None]],
    state: str,
    words: str,
):
    heal = strikes(double)
    found = await until(api, "house", state=state)
    assert "Proxmox" in found["last_error"]
    assert words in found["last_error"]
    await nothing_is_lost(api)
    heal()
    await until(api, "house", state="ok")
    await nothing_is_lost(api)


async def test_rights_that_vanish_in_part_do_not_make_guests_lost(
    api: httpx.AsyncClient, double: Double
):
    kept = dict(double.world.access.acl)
    double.world.access.acl.clear()
    double.world.access.roles["OneOnly"] = {"VM.Audit"}
    double.world.access.acl[Grant("/vms/101", "user", "ctl@pve", "OneOnly")] = 1
    found = await until(api, "house", state="blind")
    assert "shows us 1 guests" in found["last_error"]
    await nothing_is_lost(api)
    double.world.access.acl.clear()
    double.world.access.acl.update(kept)
    await until(api, "house", state="ok")
    await nothing_is_lost(api)


async def test_a_node_that_is_down_is_named_and_its_guests_are_not_lost(
    api: httpx.AsyncClient, double: Double
):
    double.node_down("pve2")
    found = await finding(api, "node_down")
    assert "pve2" in found["text"]
    assert "power" in found["fix"]
    await nothing_is_lost(api)
    double.node_up("pve2")
    await finding(api, "node_down", there=False)


async def test_a_lost_quorum_is_told_with_what_to_do(api: httpx.AsyncClient, double: Double):
    double.world.access.roles["RootAudit"] = {"Sys.Audit"}
    double.world.access.acl[Grant("/", "user", "ctl@pve", "RootAudit")] = 0
    double.node_down("pve2", quorum=False)
    found = await finding(api, "quorum_lost")
    assert found["severity"] == "bad"
    assert "Bring the missing nodes back" in found["fix"]
    await nothing_is_lost(api)
    double.node_up("pve2")
    await finding(api, "quorum_lost", there=False)


async def test_a_disabled_storage_is_told(api: httpx.AsyncClient, double: Double):
    double.world.storages["local-btrfs"].options["disable"] = 1
    found = await finding(api, "storage_off")
    assert "local-btrfs" in found["text"]
    del double.world.storages["local-btrfs"].options["disable"]
    await finding(api, "storage_off", there=False)


async def test_a_missing_privilege_names_what_it_disables(api: httpx.AsyncClient, double: Double):
    double.world.access.roles[presets.ROLE] -= {"VM.Snapshot"}

    def reason(found: dict[str, Any]) -> str:
        return next(
            one["reason"] for one in found["capabilities"] if one["ability"] == "snapshots"
        )

    found = await told(api, lambda found: reason(found) != "")
    assert reason(found).startswith("The token lacks VM.Snapshot on /vms/")
    double.world.access.roles[presets.ROLE] |= {"VM.Snapshot"}
    await told(api, lambda found: reason(found) == "")
