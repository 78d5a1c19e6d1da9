"""What goes wrong on request goes wrong as it does in life."""

import httpx
import pytest
from tests.proxmox import presets
from tests.proxmox.api_client import Api, RefusedByDoubleError
from tests.proxmox.double import Double, running

NODE = "/nodes/pve1"


async def test_a_dropped_answer_has_happened(double: Double, api: Api) -> None:
    double.faults.add("drop", calls="POST .*/lxc$")
    with pytest.raises(httpx.RemoteProtocolError):
        await api.create(101)
    assert double.guest(101).lock == "create"


async def test_a_late_answer_has_happened_too(double: Double, api: Api) -> None:
    double.faults.add("late", calls="POST .*/lxc$")
    with pytest.raises(RefusedByDoubleError) as found:
        await api.create(101)
    assert (found.value.status, found.value.reason) == (596, "Connection timed out")
    assert double.guest(101).lock == "create"


async def test_a_refused_call_has_not_happened(double: Double, api: Api) -> None:
    double.faults.add("refuse", calls="POST .*/lxc$", status=595, reason="No route to host")
    with pytest.raises(RefusedByDoubleError):
        await api.create(101)
    assert double.world.find_guest(101) is None
    assert await api.ended(await api.create(101)) == "OK"


async def test_a_hanging_call_is_the_clients_to_end(double: Double, api: Api) -> None:
    double.faults.add("hang", calls="GET /api2/json/version")
    with pytest.raises(httpx.ReadTimeout):
        await api.http.get("/version", timeout=0.2)


async def test_garbage_comes_as_it_is(double: Double, api: Api) -> None:
    double.faults.add("garbage", calls="GET /api2/json/version", body=b"\x00" * 1_000_000)
    answer = await api.http.get("/version")
    assert len(answer.content) == 1_000_000


async def test_a_task_fails_in_given_words_and_cleans_up(double: Double, api: Api) -> None:
    double.faults.add("fail", tasks="vzcreate:101", reason="no space left on device")
    upid = await api.create(101)
    assert await api.ended(upid) == "unable to create CT 101 - no space left on device"
    assert double.world.find_guest(101) is None


async def test_a_killed_task_leaves_its_lock(double: Double, api: Api) -> None:
    presets.container(double.world, 9000, template=1)
    double.faults.add("killed", tasks="vzclone:9000")
    assert (
        await api.ended(await api.post(f"{NODE}/lxc/9000/clone", newid=200)) == "unexpected status"
    )
    assert (double.guest(9000).lock, double.guest(200).lock) == ("disk", "create")


async def test_daemons_fail_each_in_its_way(double: Double, api: Api) -> None:
    presets.container(double.world, 101)
    double.daemon("pvedaemon")
    assert (await api.get("/version"))["release"] == "8.4"
    with pytest.raises(RefusedByDoubleError, match="595 Connection refused"):
        await api.get(f"{NODE}/lxc/101/status/current")
    double.daemon("frozen")
    with pytest.raises(RefusedByDoubleError, match="596 Connection timed out"):
        await api.get(f"{NODE}/lxc/101/status/current")
    double.daemon("pmxcfs")
    with pytest.raises(RefusedByDoubleError, match="500 RPCEnvironment init request failed"):
        await api.get("/version")


async def test_what_is_known_of_guests_may_be_old(double: Double, api: Api) -> None:
    presets.container(double.world, 101)
    double.lag(10)
    await double.advance(0.1)
    double.guest(101).running = True
    (row,) = await api.get("/cluster/resources", type="vm")
    assert row["status"] == "stopped"
    assert (await api.get(f"{NODE}/lxc/101/status/current"))["status"] == "running"
    await double.advance(10)
    (row,) = await api.get("/cluster/resources", type="vm")
    assert row["status"] == "running"


async def test_a_dead_node_takes_its_guests_out_of_reach() -> None:
    async with running(speed=100, preset=presets.pair) as double, Api(double) as api:
        presets.container(double.world, 101, node="pve2")
        double.node_down("pve2", quorum=False)
        with pytest.raises(RefusedByDoubleError, match="595 Connection timed out"):
            await api.get("/nodes/pve2/lxc/101/status/current")
        with pytest.raises(RefusedByDoubleError, match="595 No route to host"):
            await api.get("/nodes/pve2/lxc/101/status/current")
        (row,) = await api.get("/cluster/resources", type="vm")
        assert row["status"] == "unknown"
        with pytest.raises(RefusedByDoubleError, match="cluster not ready - no quorum"):
            await api.create(102)
        with pytest.raises(
            RefusedByDoubleError, match="cfs-lock 'file-user_cfg' error: no quorum!"
        ):
            await api.post("/pools", poolid="tenant")
        double.node_up("pve2")
        assert (await api.get("/nodes/pve2/lxc/101/status/current"))["status"] == "stopped"


async def test_destroying_without_quorum_takes_the_disk_and_fails() -> None:
    async with running(speed=100, preset=presets.pair) as double, Api(double) as api:
        presets.container(double.world, 101)
        double.world.quorate = False
        assert "Permission denied" in await api.ended(await api.delete(f"{NODE}/lxc/101"))
        assert double.guest(101).vmid == 101
        assert not [volid for _, volid in double.world.volumes if "101" in volid]
