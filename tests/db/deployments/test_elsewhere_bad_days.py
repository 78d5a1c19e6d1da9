"""Deployments on a connected cluster when something goes wrong: nothing of them is left."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.db.infra.connected import BASE, request
from tests.factories.elsewhere import CLUSTER, HOSTING, House, at_work, continue_after_death, house
from tests.factories.platform import Platform
from tests.proxmox import presets
from tests.proxmox.access import Grant
from tests.proxmox.double import Double
from tests.proxmox.world import Guest
from tests.support.proxmox import TEMPLATE, cluster

from stead.deployments import elsewhere
from stead.engines.drivers.proxmox import access
from stead.engines.drivers.proxmox.mapping import read_record
from stead.infra import public as infra, sweeping
from stead.infra.fleet import Fleet
from stead.infra.models import ClusterRow

# Each takes two seconds and a busy machine more; most changes are about something else.
pytestmark = [pytest.mark.timeout(180), pytest.mark.release]
ARCHIVE = str(HOSTING["image"])


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster(speed=20) as started:
        yield started


@pytest.fixture
async def one(platform: Platform, double: Double, tmp_path: Path) -> AsyncIterator[House]:
    async with house(platform, double, tmp_path) as made:
        yield made


async def begin_as(one: House, image: str) -> None:
    answer = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=HOSTING | {"image": image})
    assert answer.status_code == 200, answer.text


async def nothing_left(one: House) -> bool:
    return not one.ours() and not one.strangers() and set((await one.records()).values()) == {0}


def all_closed(one: House) -> bool:
    guests = one.ours().values()
    return all(guest.mode == "tty" and "cmode" not in guest.config for guest in guests)


@pytest.mark.parametrize(
    ("image", "step"),
    [
        (ARCHIVE, "create"),
        (TEMPLATE, "token"),
        (TEMPLATE, "close"),
        (TEMPLATE, "create"),
        (TEMPLATE, "open"),
        (TEMPLATE, "start"),
    ],
)
async def test_a_worker_that_dies_after_an_effect_is_continued(one: House, image: str, step: str):
    await begin_as(one, image)
    await continue_after_death(one, step)
    assert one.strangers() == []
    assert all_closed(one)


async def test_a_worker_that_dies_at_the_console_leaves_no_user(one: House, double: Double):
    await begin_as(one, TEMPLATE)
    # It cannot go on, and what it would clean up with its last breath is not done.
    double.faults.add("hang", calls="POST .*/termproxy")
    double.faults.add("refuse", calls="DELETE .*/access/users", times=-1)
    async with at_work(one):
        accepted = await one.deploy()
        async with asyncio.timeout(60):
            while not double.faults.struck:  # noqa: ASYNC110  (the stand-in has no event for it)
                await asyncio.sleep(0.02)
    double.faults.clear()
    assert len(one.strangers()) == 1
    async with at_work(one):
        done = await one.ended(accepted["operation_id"])
    assert done["state"] == "succeeded", done["error"]
    assert one.strangers() == []
    assert all_closed(one)


@pytest.mark.parametrize(
    "call",
    [
        "POST .*/access/users",
        "POST .*/status/reboot",
        "POST .*/clone$",
        "PUT .*/lxc/[0-9]+/config",
        "POST .*/status/start",
        "PUT .*/access/acl",
        "POST .*/termproxy",
    ],
)
async def test_an_answer_that_is_lost_is_made_up_for(one: House, double: Double, call: str):
    await begin_as(one, TEMPLATE)
    double.faults.add("drop", calls=call)
    async with at_work(one):
        accepted = await one.deploy()
        done = await one.ended(accepted["operation_id"])
    assert double.faults.struck
    assert done["state"] == "succeeded", done["error"]
    assert len(one.ours()) == 1
    assert one.strangers() == []
    assert all_closed(one)


async def test_a_creation_whose_answer_is_lost_is_the_one_with_the_right_token(
    one: House, double: Double
):
    double.faults.add("drop", calls="POST .*/nodes/pve1/lxc$")
    async with at_work(one):
        done = await one.ended((await one.deploy())["operation_id"])
    assert double.faults.struck
    assert done["state"] == "succeeded", done["error"]
    assert len(one.ours()) == 1


@pytest.mark.parametrize(
    ("calls", "tasks"),
    [
        ("POST .*/termproxy", ""),
        ("", "vzreboot"),
        ("", "vzclone"),
        ("", "vzstart"),
    ],
)
async def test_what_fails_for_good_is_undone(one: House, double: Double, calls: str, tasks: str):
    await begin_as(one, TEMPLATE)
    kind = "refuse" if calls else "fail"
    double.faults.add(kind, calls=calls, tasks=tasks, status=403, reason="no room", times=-1)
    async with at_work(one):
        done = await one.ended((await one.deploy())["operation_id"])
    assert double.faults.struck
    assert done["state"] == "failed", done["error"]
    assert await nothing_left(one)


async def test_a_missing_privilege_is_told_before_anything_is_made(one: House, double: Double):
    await begin_as(one, TEMPLATE)
    path = f"/access/groups/{access.CONSOLE_GROUP}"
    del double.world.access.acl[Grant(path, "user", "ctl@pve", access.USERS_ROLE)]
    double.calls.clear()
    async with at_work(one):
        done = await one.ended((await one.deploy())["operation_id"])
    assert done["state"] == "failed"
    assert "Proxmox" in done["error"]["message"]
    assert f"User.Modify on {path}" in done["error"]["message"]
    assert "vztmpl" in done["error"]["hint"]
    assert {method for method, _, _ in double.calls} == {"GET"}
    assert await nothing_left(one)


async def test_an_agent_that_does_not_call_in_time_fails_the_operation(
    one: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(elsewhere.ElsewhereFlow, "enrol_seconds", 0.2)
    one.mute = True
    async with at_work(one):
        done = await one.ended((await one.deploy())["operation_id"])
    assert done["state"] == "failed"
    assert "has not called for 0.2 seconds" in done["error"]["message"]
    assert await nothing_left(one)


@pytest.mark.parametrize("forged", ["", "10.78.0.99"])
async def test_where_addresses_are_enforced_a_token_is_good_from_its_guest_only(
    one: House, double: Double, monkeypatch: pytest.MonkeyPatch, forged: str
):
    double.world.firewall.options["enable"] = 1
    async with one.platform.database.write() as uow:
        row = await uow.session.scalar(select(ClusterRow).where(ClusterRow.name == "house"))
        assert row is not None
        row.options = row.options | {"filter_addresses": "yes"}
        row.revision += 1
    monkeypatch.setattr(elsewhere.ElsewhereFlow, "enrol_seconds", 2 if forged else 60)
    one.forged = forged
    async with at_work(one):
        done = await one.ended((await one.deploy())["operation_id"])
    if forged:
        assert done["state"] == "failed"
        assert await nothing_left(one)
        return
    assert done["state"] == "succeeded", done["error"]
    ((_, guest),) = one.ours().items()
    fence = double.world.guest_firewalls[guest.vmid].options
    assert (fence["ipfilter"], fence["macfilter"], fence["enable"]) == (1, 1, 1)
    assert "firewall=1" in guest.config["net0"]


async def test_a_guest_has_the_number_that_was_reserved_unless_somebody_took_it(
    one: House, double: Double
):
    first = await one.deploy("site")
    presets.container(double.world, 100_000, hostname="stranger")
    async with at_work(one):
        done = await one.ended(first["operation_id"])
        assert done["state"] == "succeeded", done["error"]
        ((_, guest),) = one.ours().items()
        assert guest.vmid in range(100_001, 1_000_000)
        second = await one.deploy("site-2")
        await one.ended(second["operation_id"])
        assert 100_001 in {guest.vmid for guest in one.ours().values()}
    assert double.guest(100_000).config["hostname"] == "stranger"


async def test_a_cancelled_deployment_leaves_nothing(one: House):
    await begin_as(one, TEMPLATE)
    reached = asyncio.Event()

    def checkpoint(_kind: str, name: str, phase: str) -> None:
        if (name, phase) == ("token", "recorded"):
            reached.set()
            raise asyncio.CancelledError

    one.checkpoint = checkpoint
    async with at_work(one):
        accepted = await one.deploy()
        await asyncio.wait_for(reached.wait(), 60)
    one.checkpoint = None
    answer = await one.api.post(f"/api/v1/operations/{accepted['operation_id']}/cancel")
    assert answer.status_code == 202
    async with at_work(one):
        done = await one.ended(accepted["operation_id"])
    assert done["state"] == "cancelled"
    assert await nothing_left(one)


async def test_a_cluster_with_deployments_is_not_disconnected(one: House):
    await one.deploy()
    answer = await one.admin.delete(f"{BASE}/{CLUSTER}", params={"forget": True})
    assert answer.json()["code"] == "infra.still_in_use"
    assert "Deployments run" in answer.json()["title"]


async def test_addresses_run_out_with_words_for_it(one: House):
    for name in ("a", "b", "c"):
        await one.deploy(name)
    body = {"app": "static-site", "name": "d", "cluster": CLUSTER}
    answer = await one.api.post("/api/v1/deployments", json=body)
    assert answer.status_code == 409, answer.text
    assert "10.78.0.100 to 10.78.0.102" in answer.json()["title"]


async def test_what_no_cluster_can_give_is_refused_by_field(one: House):
    path = f"{BASE}/{CLUSTER}/hosting"
    for field, value in (
        ("image", " "),
        ("network", "10.78.0.1/24"),
        ("network", "10.90.0.0/20"),
        ("first", "10.79.0.1"),
        ("last", "10.78.0.1"),
        ("gateway", "10.78.0.101"),
        ("nameserver", "x"),
    ):
        answer = await one.admin.put(path, json=HOSTING | {field: value})
        assert answer.status_code == 422, (field, answer.text)
        assert field in answer.json()["fields"], answer.text


async def test_only_clusters_that_were_taken_over_take_deployments(one: House, double: Double):
    again = request(double, "second")
    again["options"] |= {"pool": "other"}
    assert (await one.admin.post(BASE, json=again)).status_code == 202
    answer = await one.admin.put(f"{BASE}/second/hosting", json=HOSTING)
    assert answer.json()["code"] == "infra.not_hosting"
    answer = await one.admin.put(f"{BASE}/local/hosting", json=HOSTING)
    assert answer.json()["code"] == "infra.not_hosting"
    body = {"app": "static-site", "cluster": "second"}
    answer = await one.api.post("/api/v1/deployments", json=body)
    assert answer.json()["code"] == "infra.not_hosting"
    assert (await one.admin.delete(f"{BASE}/{CLUSTER}/hosting")).status_code == 204
    targets = (await one.api.get("/api/v1/deployments/targets")).json()
    assert [one["name"] for one in targets] == ["local"]


async def test_what_a_dead_control_plane_left_open_is_told_at_the_next_start(
    one: House, double: Double
):
    database, fleet = one.platform.database, one.platform.services.get(Fleet)
    async with at_work(one):
        await one.ended((await one.deploy())["operation_id"])
    ((name, guest),) = one.ours().items()
    guest.config["cmode"] = "shell"
    double.world.access.users["stead-inj-9-x@pve"] = presets.User(groups={access.CONSOLE_GROUP})
    async with database.read() as uow:
        cluster = await infra.target(uow, CLUSTER)
    for _ in range(2):
        await sweeping.sweep(database, await fleet.eye(cluster.id), cluster.id)
    assert one.strangers() == []
    told = [event["text"] for event in (await one.admin.get(f"{BASE}/{CLUSTER}")).json()["events"]]
    assert [text for text in told if "left over" in text] == [
        "1 users of consoles were left over and deleted"
    ]
    assert [text for text in told if "root shell" in text and name in text]
    await infra.leave(database, guest_owner(guest), infra.Wanted.ANY)
    await sweeping.sweep(database, await fleet.eye(cluster.id), cluster.id)
    after = [
        event["text"] for event in (await one.admin.get(f"{BASE}/{CLUSTER}")).json()["events"]
    ]
    assert after == told


def guest_owner(guest: Guest) -> str:
    record = read_record(str(guest.config["description"]))
    assert record is not None
    return record.owner
