"""The stand-in behaves as the notes on the real one say."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.proxmox import presets
from tests.proxmox.double import Double, running

ARCHIVE = presets.ARCHIVE
DONE = "stopped"


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with running(speed=50) as started:
        yield started


@pytest.fixture
async def client(double: Double) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"PVEAPIToken={double.token}"}
    base = f"{double.url}/api2/json"
    async with httpx.AsyncClient(base_url=base, verify=double.context(), headers=headers) as one:
        yield one


async def ended(client: httpx.AsyncClient, upid: str) -> str:
    async with asyncio.timeout(20):
        while True:
            found = (await client.get(f"/nodes/pve1/tasks/{upid}/status")).json()["data"]
            if found["status"] == DONE:
                return str(found["exitstatus"])
            await asyncio.sleep(0.01)


async def create(client: httpx.AsyncClient, vmid: int, **more: object) -> str:
    form = {"vmid": vmid, "ostemplate": ARCHIVE, "rootfs": "local-btrfs:1", "unprivileged": 1}
    answer = await client.post("/nodes/pve1/lxc", data={**form, **more})
    assert answer.status_code == 200, answer.reason_phrase
    return str(answer.json()["data"])


async def test_a_container_lives_and_dies(client: httpx.AsyncClient) -> None:
    assert (
        await ended(client, await create(client, 101, net0="name=eth0,bridge=vmbr0,ip=dhcp"))
        == "OK"
    )
    for step in ("start", "stop"):
        answer = await client.post(f"/nodes/pve1/lxc/101/status/{step}")
        assert await ended(client, answer.json()["data"]) == "OK"
    gone = await client.delete("/nodes/pve1/lxc/101")
    assert await ended(client, gone.json()["data"]) == "OK"
    lost = await client.get("/nodes/pve1/lxc/101/config")
    assert (lost.status_code, lost.reason_phrase) == (
        500,
        "Configuration file 'nodes/pve1/lxc/101.conf' does not exist",
    )


async def test_a_source_is_cloned_once_at_a_time(
    double: Double, client: httpx.AsyncClient
) -> None:
    presets.container(double.world, 9000, template=1)
    answers = await asyncio.gather(
        *(client.post("/nodes/pve1/lxc/9000/clone", data={"newid": 200 + n}) for n in range(3))
    )
    refused = [one.reason_phrase for one in answers if one.status_code == 500]
    assert refused == ["CT is locked (disk)"] * 2
    (upid,) = [one.json()["data"] for one in answers if one.status_code == 200]
    assert await ended(client, upid) == "OK"


async def test_a_dropped_answer_has_happened(double: Double, client: httpx.AsyncClient) -> None:
    double.faults.add("drop", calls="POST .*/lxc$")
    with pytest.raises(httpx.RemoteProtocolError):
        await create(client, 101)
    assert double.guest(101).lock == "create"


async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/nodes/pve1/lxc", data={"vmid": 99, "memory": "lots", "foo": 1})
    assert answer.status_code == 400
    assert answer.reason_phrase == "Parameter verification failed."
    assert set(answer.json()["errors"]) == {"vmid", "memory", "foo", "ostemplate"}
