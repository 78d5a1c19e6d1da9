"""Locks and races are those of the real one, in the double's own time."""

import asyncio

import pytest
from tests.proxmox import presets
from tests.proxmox.api_client import Api, RefusedByDoubleError
from tests.proxmox.double import Double

NODE = "/nodes/pve1"
# So much of the double's time does not pass by itself while a test runs.
LONG = 6000


async def refused(work: "asyncio.Future[object]") -> str:
    with pytest.raises(RefusedByDoubleError) as found:
        await work
    return found.value.reason


async def test_a_source_is_cloned_once_at_a_time(double: Double, api: Api) -> None:
    presets.container(double.world, 9000, template=1)
    double.settings.clone_linked = LONG
    clones = (api.post(f"{NODE}/lxc/9000/clone", newid=200 + count) for count in range(3))
    answers = await asyncio.gather(*clones, return_exceptions=True)
    (upid,) = [one for one in answers if isinstance(one, str)]
    reasons = [one.reason for one in answers if isinstance(one, RefusedByDoubleError)]
    assert reasons == ["CT is locked (disk)"] * 2
    await double.advance(LONG)
    double.settings.clone_linked = 0.1
    assert await api.ended(upid) == "OK"
    assert await api.ended(await api.post(f"{NODE}/lxc/9000/clone", newid=300)) == "OK"


async def test_source_and_target_of_a_clone_are_out_of_reach(double: Double, api: Api) -> None:
    presets.container(double.world, 102, storage="local")
    double.settings.clone_full = LONG
    upid = await api.post(f"{NODE}/lxc/102/clone", newid=200, full=1)
    change = api.put(f"{NODE}/lxc/102/config", memory=600)
    assert await refused(asyncio.ensure_future(change)) == "CT is locked (disk)"
    assert (
        await refused(asyncio.ensure_future(api.delete(f"{NODE}/lxc/200")))
        == "CT is locked (create)"
    )
    await double.advance(LONG)
    assert await api.ended(upid) == "OK"


async def test_two_creations_of_one_id_have_one_winner(double: Double, api: Api) -> None:
    double.settings.check = 50
    answers = await asyncio.gather(api.create(400), api.create(400), return_exceptions=True)
    (lost,) = [one for one in answers if isinstance(one, RefusedByDoubleError)]
    assert lost.reason == "unable to create CT 400 - CT 400 already exists on node 'pve1'"
    assert double.guest(400).lock == ""


async def test_nextid_keeps_nothing_for_anybody(double: Double, api: Api) -> None:
    answers = await asyncio.gather(*(api.get("/cluster/nextid") for _ in range(4)))
    assert answers == ["100"] * 4


async def test_a_change_waits_for_a_start(double: Double, api: Api) -> None:
    presets.container(double.world, 101)
    upid = await api.post(f"{NODE}/lxc/101/status/start")
    await api.put(f"{NODE}/lxc/101/config", memory=600)
    assert double.guest(101).running
    assert await api.ended(upid) == "OK"


async def test_a_lock_that_is_held_elsewhere_is_given_up(double: Double, api: Api) -> None:
    presets.container(double.world, 101)
    double.hold(101)
    before = double.clock.now()
    change = asyncio.ensure_future(api.put(f"{NODE}/lxc/101/config", memory=600))
    reason = await refused(change)
    assert reason == "can't lock file '/run/lock/lxc/pve-config-101.lock' - got timeout"
    assert double.clock.now() - before >= 10
    double.release(101)
    await api.put(f"{NODE}/lxc/101/config", memory=600)


async def test_a_stale_lock_goes_only_by_force(double: Double, api: Api) -> None:
    presets.container(double.world, 101)
    double.stale_lock(101, "backup")
    for work in (api.put(f"{NODE}/lxc/101/config", delete="lock"), api.delete(f"{NODE}/lxc/101")):
        assert await refused(asyncio.ensure_future(work)) == "CT is locked (backup)"
    assert await api.ended(await api.delete(f"{NODE}/lxc/101", force=1)) == "OK"


async def test_an_aborted_creation_leaves_nothing(double: Double, api: Api) -> None:
    double.settings.create = LONG
    upid = await api.create(101)
    await api.delete(f"{NODE}/tasks/{upid}")
    assert "received interrupt" in await api.ended(upid)
    assert double.world.find_guest(101) is None
    assert not [volid for _, volid in double.world.volumes if "101" in volid]


async def test_an_aborted_clone_frees_its_source(double: Double, api: Api) -> None:
    presets.container(double.world, 102, storage="local")
    double.settings.clone_full = LONG
    upid = await api.post(f"{NODE}/lxc/102/clone", newid=200, full=1)
    await api.delete(f"{NODE}/tasks/{upid}")
    assert await api.ended(upid) == "clone failed: interrupted by signal"
    assert double.guest(102).lock == ""
    assert double.world.find_guest(200) is None


async def test_backups_of_a_node_wait_for_each_other(double: Double, api: Api) -> None:
    for vmid in (101, 102):
        presets.container(double.world, vmid, storage="local")
    form = {"storage": "local", "mode": "stop", "compress": "zstd"}
    first, second = [await api.post(f"{NODE}/vzdump", vmid=vmid, **form) for vmid in (101, 102)]
    assert await api.ended(first) == await api.ended(second) == "OK"
    ends = [task.end for task in double.tasks("vzdump")]
    assert ends[1] - ends[0] >= double.settings.backup - 1
