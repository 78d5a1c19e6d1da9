"""Connecting a cluster that is not ours: a stand-in for Proxmox that counts what it is asked."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.db.infra.connected import (
    BASE,
    at_work,
    described,
    ended,
    opened,
    request,
    shown,
    surveyed,
    told,
    until,
)
from tests.factories.platform import Platform
from tests.proxmox import presets
from tests.proxmox.double import Double
from tests.support.proxmox import cluster

from stead.infra import public as infra
from stead.infra.errors import ReadOnlyError
from stead.infra.fleet import Fleet

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster() as started:
        container = presets.container(started.world, 101, hostname="shop", unprivileged=0)
        container.config["net0"] = "name=eth0,bridge=vmbr0,ip=10.78.0.20/24"
        other = presets.container(started.world, 102, hostname="twin", tags="web")
        other.config["net0"] = "name=eth0,bridge=vmbr0,ip=10.78.0.20/24"
        started.calls.clear()
        yield started


@pytest.fixture
async def api(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(platform) as client:
        yield client


async def test_the_certificate_is_shown_before_anything_is_sent(
    api: httpx.AsyncClient, double: Double
):
    place = {"engine": "proxmox", "options": {"url": double.url}}
    found = (await api.post(f"{BASE}/probe", json=place)).json()
    assert found["fingerprint"] == double.fingerprint
    assert found["subject"] == "CN=pve1.stand-in"
    assert double.calls == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1:1", "infra.no_certificate"),
        ("http://127.0.0.1", "engine.invalid"),
        ("https://user:pass@127.0.0.1", "engine.invalid"),
        ("https://[::1", "engine.invalid"),
        ("https://127.0.0.1:99999", "engine.invalid"),
        ("nonsense" * 200, "engine.invalid"),
    ],
)
async def test_an_address_without_a_certificate_is_told(
    api: httpx.AsyncClient, url: str, code: str
):
    place = {"engine": "proxmox", "options": {"url": url}}
    assert (await api.post(f"{BASE}/probe", json=place)).json()["code"] == code


async def test_waiting_for_a_certificate_keeps_nobody_from_writing(api: httpx.AsyncClient):
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        while await reader.read(1000):
            pass
        given_up.set()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        place = {"engine": "proxmox", "options": {"url": url}}
        key = {"Idempotency-Key": "k"}
        probing = asyncio.create_task(api.post(f"{BASE}/probe", json=place, headers=key))
        await asked.wait()
        made = await api.post("/api/v1/organisations", json={"name": "meanwhile"})
        assert not given_up.is_set()
        probing.cancel()
    assert made.status_code == httpx.codes.CREATED


async def test_a_connected_cluster_is_mapped_and_nothing_is_changed_there(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    codes = {"duplicate_address", "privileged", "no_backup", "certificate_expires"}
    async with at_work(platform):
        made = await api.post(BASE, json=request(double))
        assert made.status_code == 202
        assert made.json()["cluster"]["mode"] == "read_only"
        tested = await ended(api, made.json()["operation_id"])
        # The first look may know no more of guests than that they are there.
        found = await told(api, lambda one: codes <= {risk["code"] for risk in one["findings"]})
        guests = await described(api)
    assert tested["state"] == "succeeded"
    assert found["state"] == "ok"
    assert {one["name"]: one["addresses"] for one in guests} == {
        "shop": ["10.78.0.20"],
        "twin": ["10.78.0.20"],
    }
    by_name = {one["name"]: one["risks"] for one in guests}
    assert "privileged" in by_name["shop"]
    assert "no_tags" not in by_name["twin"]
    assert {method for method, _, _ in double.calls} == {"GET"}


async def test_no_answer_ever_holds_the_secret(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    asked = request(double)
    secret = asked["options"]["secret"]
    async with at_work(platform):
        made = await api.post(BASE, json=asked)
        await ended(api, made.json()["operation_id"])
        texts = [made.text, (await api.get(f"{BASE}/house")).text]
        texts.append((await api.get(f"/api/v1/operations/{made.json()['operation_id']}")).text)
        texts.append((await api.get("/api/v1/audit")).text)
    assert not any(secret in text for text in texts)
    assert (await shown(api))["options"]["url"] == double.url


async def test_the_test_names_each_privilege_and_what_it_disables(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    double.world.access.roles[presets.ROLE] -= {"VM.Snapshot"}
    async with at_work(platform):
        made = await api.post(BASE, json=request(double))
        await ended(api, made.json()["operation_id"])
        found = await shown(api)
    checks = {one["name"].partition(" on ")[0]: one for one in found["checks"]}
    assert checks["VM.Snapshot"]["ok"] is False
    assert checks["VM.Snapshot"]["disables"] == ["snapshots"]
    assert "VM.Snapshot on" in checks["VM.Snapshot"]["fix"]
    assert checks["VM.PowerMgmt"]["ok"] is True
    assert {one["topic"] for one in found["checks"]} == {
        "version",
        "rights",
        "storages",
        "networks",
        "clock",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "local"}, "infra.cluster_name"),
        ({"name": "Not A Name"}, "infra.cluster_name"),
        ({"engine": "nothing"}, "engine.invalid"),
        ({"fingerprint": ""}, "infra.certificate_not_confirmed"),
        ({"fingerprint": "AB"}, "engine.invalid"),
        ({"options": {"url": "https://x:8006"}}, "engine.invalid"),
        ({"options": {"ca_file": "/etc/passwd"}}, "engine.invalid"),
    ],
)
async def test_what_cannot_be_connected_is_refused_and_leaves_nothing(
    api: httpx.AsyncClient, double: Double, change: dict[str, Any], code: str
):
    answer = await api.post(BASE, json=request(double) | change)
    assert answer.json()["code"] == code
    assert [one["name"] for one in (await api.get(BASE)).json()] == ["local"]


async def test_one_cluster_is_connected_once(api: httpx.AsyncClient, double: Double):
    assert (await api.post(BASE, json=request(double))).status_code == 202
    for again in (request(double), request(double, "other")):
        answer = await api.post(BASE, json=again)
        assert answer.json()["code"] == "infra.cluster_exists"


async def test_new_credentials_are_tried_before_the_old_ones_are_dropped(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    async with at_work(platform):
        await api.post(BASE, json=request(double))
        await until(api, "house", state="ok")
        wrong = {"options": {"secret": "11111111-2222-3333-4444-555555555555"}}
        asked = await api.post(f"{BASE}/house/credentials", json=wrong)
        failed = await ended(api, asked.json()["operation_id"])
        assert failed["state"] == "failed"
        assert (await shown(api))["state"] == "ok"
        weak, _, secret = presets.token(double.world, "ctl@pve", "weak", privsep=1).partition("=")
        body = {"options": {"token": weak, "secret": secret}}
        asked = await api.post(f"{BASE}/house/credentials", json=body)
        assert "VM.Audit" in str((await ended(api, asked.json()["operation_id"]))["error"])
        good, _, secret = presets.token(double.world, "ctl@pve", "next").partition("=")
        body = {"options": {"token": good, "secret": secret}}
        asked = await api.post(f"{BASE}/house/credentials", json=body)
        assert (await ended(api, asked.json()["operation_id"]))["state"] == "succeeded"
        del double.world.access.users["ctl@pve"].tokens["api"]
        assert (await shown(api))["options"]["token"] == good
        await surveyed(api)
        await until(api, "house", state="ok")


async def test_taking_over_needs_a_test_that_finds_everything(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    double.world.access.roles[presets.ROLE] -= {"VM.Clone"}
    fleet = platform.services.get(Fleet)
    async with at_work(platform):
        made = (await api.post(BASE, json=request(double))).json()["cluster"]
        asked = await api.post(f"{BASE}/house/takeover")
        refused = await ended(api, asked.json()["operation_id"])
        assert (refused["state"], refused["error"]["step"]) == ("failed", "enough")
        assert "VM.Clone on /vms/" in refused["error"]["message"]
        with pytest.raises(ReadOnlyError):
            await fleet.engine(made["id"])
        double.world.access.roles[presets.ROLE] |= {"VM.Clone"}
        asked = await api.post(f"{BASE}/house/takeover")
        assert (await ended(api, asked.json()["operation_id"]))["state"] == "succeeded"
        assert (await shown(api))["mode"] == "managed"
        assert await (await fleet.engine(made["id"])).find("nobody") is None
    assert {method for method, _, _ in double.calls} == {"GET"}


async def test_disconnecting_leaves_guests_alone_and_keeps_no_secret(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    async with at_work(platform):
        made = (await api.post(BASE, json=request(double))).json()["cluster"]
        await surveyed(api)
        async with platform.database.write() as uow:
            await infra.claim(uow, made["id"], "shop", owner="of-shop", key="key-shop")
        refused = await api.delete(f"{BASE}/house")
        assert refused.json()["code"] == "infra.still_in_use"
        assert (await api.delete(f"{BASE}/house", params={"forget": True})).status_code == 204
        assert (await api.get(f"{BASE}/house")).status_code == 404
        assert (await api.delete(f"{BASE}/house")).status_code == 404
        async with platform.database.read() as uow:
            assert await platform.vault.all_of(uow, made["id"]) == {}
        asked = len(double.calls)
        assert (await api.post(BASE, json=request(double))).status_code == 202
        await until(api, "house", state="ok")
        assert len(double.calls) > asked
    assert {method for method, _, _ in double.calls} == {"GET"}
    assert {guest.vmid for guest in double.world.guests.values()} >= {101, 102}


async def test_another_certificate_is_a_state_until_somebody_confirms_it(
    platform: Platform, api: httpx.AsyncClient, double: Double
):
    old = ":".join(["AB"] * 32)
    async with at_work(platform):
        await api.post(BASE, json=request(double) | {"fingerprint": old})
        found = await until(api, "house", state="certificate")
        assert f"expected {old}, got {double.fingerprint}" in found["last_error"]
        assert double.calls == []
        now = (await api.post(f"{BASE}/house/probe")).json()
        assert (now["trusted"], now["fingerprint"]) == (old, double.fingerprint)
        body = {"fingerprint": double.fingerprint}
        assert (await api.post(f"{BASE}/house/certificate", json=body)).status_code == 200
        await until(api, "house", state="ok")
