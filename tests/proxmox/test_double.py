"""The stand-in behaves as the notes on the real one say."""

import asyncio

import httpx
import pytest
from tests.proxmox import presets
from tests.proxmox.api_client import Api, RefusedByDoubleError
from tests.proxmox.double import Double

NODE = "/nodes/pve1"


async def test_a_container_lives_and_dies(double: Double, api: Api) -> None:
    made = await api.create(101, net0="name=eth0,bridge=vmbr0,ip=dhcp")
    assert await api.ended(made) == "OK"
    for step in ("start", "stop"):
        assert await api.ended(await api.post(f"{NODE}/lxc/101/status/{step}")) == "OK"
    assert await api.ended(await api.delete(f"{NODE}/lxc/101")) == "OK"
    with pytest.raises(RefusedByDoubleError) as lost:
        await api.get(f"{NODE}/lxc/101/config")
    assert lost.value.status == 500
    assert lost.value.reason == "Configuration file 'nodes/pve1/lxc/101.conf' does not exist"
    assert not [volid for _, volid in double.world.volumes if "101" in volid]


async def test_a_wrong_parameter_is_named(api: Api) -> None:
    with pytest.raises(RefusedByDoubleError) as refused:
        await api.post(f"{NODE}/lxc", vmid=99, memory="lots", foo=1, onboot="yes")
    assert refused.value.reason == "Parameter verification failed."
    assert set(refused.value.errors) == {"vmid", "memory", "foo", "onboot", "ostemplate"}


async def test_a_query_is_checked_like_a_form(api: Api) -> None:
    with pytest.raises(RefusedByDoubleError) as refused:
        await api.get("/version", cache=1)
    assert list(refused.value.errors) == ["cache"]


async def test_a_deletion_with_a_body_is_not_looked_at(api: Api) -> None:
    answer = await api.http.request("DELETE", f"{NODE}/lxc/101", content=b"purge=1")
    assert answer.status_code == 501
    assert answer.reason_phrase == "Unexpected content for method 'DELETE'"


async def test_an_unknown_path_is_not_implemented(api: Api) -> None:
    with pytest.raises(RefusedByDoubleError) as refused:
        await api.post(f"{NODE}/lxc/101/exec")
    assert refused.value.status == 501


async def test_starting_what_is_not_there_fails_in_the_task(api: Api) -> None:
    upid = await api.post(f"{NODE}/lxc/999/status/start")
    assert await api.ended(upid) == "Configuration file 'nodes/pve1/lxc/999.conf' does not exist"


async def test_a_creation_is_well_although_its_start_fails(double: Double, api: Api) -> None:
    made = await api.create(101, net0="name=eth0,bridge=vmbr9", start=1)
    assert await api.ended(made) == "OK"
    await double.advance(5)
    (start,) = double.tasks("vzstart")
    assert start.status == "bridge 'vmbr9' does not exist"


async def test_a_clone_copies_what_nobody_wants_twice(double: Double, api: Api) -> None:
    net = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=10.78.0.5/24,type=veth"
    presets.container(double.world, 9000, template=1, net0=net, tags="tpl", onboot=1)
    assert await api.ended(await api.post(f"{NODE}/lxc/9000/clone", newid=200)) == "OK"
    config = await api.get(f"{NODE}/lxc/200/config")
    assert (config["tags"], config["onboot"]) == ("tpl", 1)
    assert "10.78.0.5" in config["net0"]
    assert "BC:24:11:00:00:01" not in config["net0"]


async def test_a_stale_digest_is_refused(double: Double, api: Api) -> None:
    presets.container(double.world, 101)
    digest = (await api.get(f"{NODE}/lxc/101/config"))["digest"]
    await api.put(f"{NODE}/lxc/101/config", memory=600, digest=digest)
    with pytest.raises(RefusedByDoubleError, match="detected modified configuration"):
        await api.put(f"{NODE}/lxc/101/config", memory=700, digest=digest)


async def test_a_connection_that_idles_is_closed(double: Double, api: Api) -> None:
    double.settings.idle = 0.05
    await api.get("/version")
    before = double.server.opened
    await asyncio.sleep(0.3)
    await api.get("/version")
    assert double.server.opened == before + 1


async def test_another_certificate_is_not_trusted(double: Double) -> None:
    async with httpx.AsyncClient() as stranger:
        with pytest.raises(httpx.ConnectError):
            await stranger.get(f"{double.url}/api2/json/version")


async def test_what_a_token_may_not_see_is_left_out(double: Double) -> None:
    presets.container(double.world, 101)
    async with Api(double, presets.token(double.world, "nobody@pve", "api", privsep=1)) as api:
        assert await api.get(f"{NODE}/lxc") == []
        assert [row["type"] for row in await api.get("/cluster/resources")] == ["node"]
        with pytest.raises(RefusedByDoubleError) as refused:
            await api.get(f"{NODE}/lxc/101/config")
    assert refused.value.reason == "Permission check failed (/vms/101, VM.Audit)"


async def test_the_control_plane_gets_by_with_its_role(double: Double) -> None:
    presets.container(double.world, 9000, template=1, net0="name=eth0,bridge=vmbr0")
    async with Api(double, double.control_plane) as api:
        assert await api.ended(await api.post(f"{NODE}/lxc/9000/clone", newid=101)) == "OK"
        await api.put(f"{NODE}/lxc/101/config", memory=300, tags="a;b")
        assert await api.ended(await api.post(f"{NODE}/lxc/101/status/start")) == "OK"
        with pytest.raises(RefusedByDoubleError, match="only allowed for root@pam"):
            await api.put(f"{NODE}/lxc/101/config", features="keyctl=1")


async def test_a_wrong_password_takes_its_time(double: Double, api: Api) -> None:
    double.person("con@pve", "password of con", {"/vms": "VM.Console"})
    before = double.clock.now()
    with pytest.raises(RefusedByDoubleError) as refused:
        await api.post("/access/ticket", username="con@pve", password="nonsense")
    assert (refused.value.status, refused.value.reason) == (401, "authentication failure")
    assert double.clock.now() - before >= 3
    found = await api.post("/access/ticket", username="con@pve", password="password of con")
    headers = {"Cookie": f"PVEAuthCookie={found['ticket']}"}
    async with httpx.AsyncClient(base_url=double.url, verify=double.context()) as browser:
        answer = await browser.post("/api2/json/pools", data={"poolid": "x"}, headers=headers)
    assert answer.reason_phrase == "Permission denied - invalid csrf token"
