"""What a cluster does to the driver on its bad days, and what the driver makes of it."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from tests.proxmox import presets
from tests.proxmox.double import Double
from tests.support.proxmox import TEMPLATE, cluster, open_driver
from tests.support.virtual import in_virtual_time, virtual_driver

from stead.engines import errors, trust
from stead.engines.capabilities import Ability
from stead.engines.drivers.proxmox.client import ProxmoxClient, open_http
from stead.engines.drivers.proxmox.connecting import driver, site
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.login import Token
from stead.engines.values import GuestSpec, GuestState
from stead.kit.secrets import Secret

pytestmark = pytest.mark.timeout(180)  # a life of many tasks, on a machine that may be busy

OTHER_FINGERPRINT = ":".join(["AB"] * 32)


def spec(name: str = "a", *, image: str = TEMPLATE, number: int = 20) -> GuestSpec:
    return GuestSpec(
        name=name,
        key=f"key-{name}",
        owner="o",
        image=image,
        network="vmbr2",
        address=IPv4Address("10.99.2.0") + number,
        mac=f"02:5d:00:00:02:{number:02x}",
        cores=1,
        memory_mb=64,
        disk_gb=1,
    )


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster() as started:
        yield started


@pytest.fixture
async def engine(double: Double) -> AsyncIterator[ProxmoxDriver]:
    made = open_driver(double)
    yield made
    await made.close()


async def make(engine: ProxmoxDriver, one: GuestSpec) -> None:
    await engine.settle(await engine.create(one), 30)


async def test_another_certificate_gets_nothing_of_ours(double: Double):
    name, _, secret = double.token.partition("=")
    http = open_http(double.url, trust.by_fingerprint(OTHER_FINGERPRINT))
    other = driver(ProxmoxClient(http, Token(name, Secret(secret))), site({}))
    with pytest.raises(errors.AuthRejectedError, match="certificate"):
        await other.health()
    assert double.calls == []
    await other.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused_by_default(
    double: Double, tmp_path: Path
):
    name, _, secret = double.token.partition("=")
    authority = tmp_path / "ca.pem"
    authority.write_bytes(double.certificate)
    for tls, accepted in ((trust.by_authority(), False), (trust.by_authority(authority), True)):
        one = driver(
            ProxmoxClient(open_http(double.url, tls), Token(name, Secret(secret))), site({})
        )
        if accepted:
            assert (await one.health()).engine == "proxmox"
        else:
            with pytest.raises(errors.AuthRejectedError):
                await one.health()
        await one.close()


async def test_the_shown_fingerprint_is_the_one_to_trust(double: Double):
    assert (await trust.shown("127.0.0.1", double.port)).fingerprint == double.fingerprint
    assert double.calls == []


@pytest.mark.parametrize("wrong", ["root@pam!double=wrong", "root@pam!other=x", "x@pve!y=z"])
async def test_a_token_that_is_not_valid_any_more_is_told(double: Double, wrong: str):
    engine = open_driver(double, token=wrong)
    with pytest.raises(errors.AuthRejectedError):
        await engine.health()
    await engine.close()


async def test_a_missing_privilege_is_named_with_what_it_disables(double: Double):
    token = double.control_plane
    double.world.access.roles[presets.ROLE] -= {"VM.Snapshot", "VM.Console"}
    engine = open_driver(double, token=token)
    record = await engine.capabilities()
    assert record.of(Ability.SNAPSHOTS).reason.startswith("The token lacks VM.Snapshot on /vms/")
    assert record.of(Ability.RESIZE).usable
    await make(engine, spec())
    with pytest.raises(errors.ForbiddenError) as refused:
        await engine.settle(await engine.create_snapshot("a", "s-1"), 30)
    assert "VM.Snapshot" in refused.value.native
    await engine.close()


async def test_the_least_role_lives_a_whole_life(double: Double):
    engine = open_driver(double, token=double.control_plane)
    await make(engine, spec())
    await engine.settle(await engine.start("a"), 30)
    await engine.settle(await engine.stop("a", force=True), 30)
    await engine.settle(await engine.delete("a"), 30)
    assert await engine.find("a") is None
    await engine.close()


@pytest.mark.parametrize("status", [595, 596])
async def test_a_node_that_does_not_answer_leaves_no_doubt_about_questions(
    double: Double, engine: ProxmoxDriver, status: int
):
    await make(engine, spec())
    double.faults.add("refuse", calls="GET .*/config$", status=status, reason="No route to host")
    with pytest.raises(errors.UnreachableError):
        await engine.find("a")


@pytest.mark.parametrize("status", [595, 596])
@pytest.mark.parametrize("kind", ["late", "refuse"])
async def test_a_change_that_was_not_answered_may_have_happened(
    double: Double, engine: ProxmoxDriver, status: int, kind: str
):
    double.faults.add(kind, calls="POST .*/clone$", status=status, reason="Connection timed out")
    with pytest.raises(errors.OutcomeUnknownError):
        await engine.create(spec())
    await make(engine, spec())
    assert [guest.name for guest in await engine.inventory()] == ["a"]


async def test_what_is_no_answer_is_not_taken_for_one(double: Double, engine: ProxmoxDriver):
    for body in (b"<html>proxy error</html>", b"[" * 100_000, b"\xff" * 1_000_000, b'{"x": 1}'):
        double.faults.add("garbage", calls="GET .*/resources", body=body)
        with pytest.raises(errors.OutcomeUnknownError):
            await engine.inventory()


async def test_a_cluster_file_system_that_is_down_may_come_back(
    double: Double, engine: ProxmoxDriver
):
    words = "RPCEnvironment init request failed: Unable to load access control list"
    double.faults.add("refuse", calls="GET .*", status=500, reason=words)
    with pytest.raises(errors.UnreachableError) as told:
        await engine.health()
    assert told.value.retryable
    assert (await engine.health()).engine == "proxmox"


async def test_nothing_is_deleted_without_a_quorum():
    async with cluster(preset=presets.pair) as double:
        engine = open_driver(double)
        await make(engine, spec())
        double.world.quorate = False
        with pytest.raises(errors.UnreachableError, match="quorum"):
            await engine.delete("a")
        assert not double.tasks("vzdestroy")
        double.world.quorate = True
        await engine.settle(await engine.delete("a"), 30)
        await engine.close()


async def test_guests_of_a_dead_node_are_neither_gone_nor_strangers():
    async with cluster(preset=presets.pair) as double:
        presets.container(double.world, 9002, node="pve2", hostname="t2", template=1)
        engine = open_driver(double)
        await make(engine, spec(image="t2"))
        assert (await engine.find("a")).node == "pve2"
        double.world.nodes["pve2"].online = False
        with pytest.raises(errors.UnreachableError):
            await engine.find("a")
        (guest,) = await engine.inventory()
        assert (guest.name, guest.key, guest.state) == ("a", "key-a", GuestState.UNREACHABLE)
        await engine.close()


async def test_a_guest_that_moved_is_found_where_it_is():
    async with cluster(preset=presets.pair) as double:
        engine = open_driver(double)
        await make(engine, spec())
        moved = double.world.guests.pop(("pve1", _vmid(double, "a")))
        moved.node = "pve2"
        double.world.guests["pve2", moved.vmid] = moved
        assert (await engine.find("a")).node == "pve2"
        await engine.close()


async def test_a_storage_that_is_switched_off_is_told_before_anything_is_made(
    double: Double, engine: ProxmoxDriver
):
    double.world.storages["local-btrfs"].options["disable"] = 1
    with pytest.raises(errors.ConflictError, match="local-btrfs") as told:
        await engine.create(spec(image=presets.ARCHIVE))
    assert "disabled" in told.value.hint
    assert await engine.inventory() == ()


async def test_a_clone_that_fails_is_made_anew(double: Double, engine: ProxmoxDriver):
    double.faults.add("fail", tasks="vzclone", reason="clone failed: interrupted by signal")
    with pytest.raises(errors.TaskFailedError) as told:
        await make(engine, spec())
    assert "interrupted" in told.value.native
    await make(engine, spec())
    assert (await engine.find("a")).state is GuestState.STOPPED


async def test_a_lock_that_nobody_holds_is_told_with_what_to_do():
    async with cluster(speed=0) as double:
        engine = virtual_driver(double)

        async def meet() -> None:
            await make_virtual(engine, spec())
            double.guest(_vmid(double, "a")).config["lock"] = "backup"
            with pytest.raises(errors.LockedError, match="backup") as told:
                await engine.start("a")
            assert "unlock" in told.value.hint
            assert told.value.retryable
            del double.guest(_vmid(double, "a")).config["lock"]
            await engine.settle(await engine.start("a"), 1e9)

        await in_virtual_time(double, meet)
        await engine.close()


async def test_a_lock_that_goes_away_is_waited_for():
    async with cluster(speed=0) as double:
        engine = virtual_driver(double)

        async def meet() -> None:
            await make_virtual(engine, spec())
            guest = double.guest(_vmid(double, "a"))
            guest.config["lock"] = "backup"
            starting = asyncio.ensure_future(engine.start("a"))
            await double.clock.sleep(20)
            assert not starting.done()
            del guest.config["lock"]
            await engine.settle(await starting, 1e9)
            assert (await engine.find("a")).state is GuestState.RUNNING

        await in_virtual_time(double, meet)
        await engine.close()


async def test_guests_of_others_are_seen_and_never_touched(double: Double, engine: ProxmoxDriver):
    foreign = presets.container(double.world, 150, hostname="theirs", description="keep\n")
    before = dict(foreign.config)
    assert (await engine.find("theirs")).key == ""
    for call in (
        engine.create(spec("theirs")),
        engine.start("theirs"),
        engine.stop("theirs", force=True),
        engine.delete("theirs"),
        engine.create_snapshot("theirs", "s-1"),
    ):
        with pytest.raises(errors.ConflictError):
            await call
    assert double.guest(150).config == before


async def test_a_number_that_somebody_took_is_replaced(double: Double, engine: ProxmoxDriver):
    one, two = spec("a"), spec("b", number=21)
    await make(engine, one)
    first = _vmid(double, "a")
    await engine.settle(await engine.delete("a"), 30)
    presets.container(double.world, first, hostname="theirs")
    await make(engine, one)
    await make(engine, two)
    assert _vmid(double, "a") != first


async def test_a_privileged_template_is_refused(double: Double, engine: ProxmoxDriver):
    presets.container(double.world, 9005, hostname="root-tpl", template=1, unprivileged=0)
    with pytest.raises(errors.ConflictError, match="privileged"):
        await engine.create(spec(image="root-tpl"))


async def test_a_clone_keeps_nothing_of_a_careless_template(double: Double, engine: ProxmoxDriver):
    await make(engine, spec())
    config = double.guest(_vmid(double, "a")).config
    assert "startup" not in config
    assert "net1" not in config
    assert (config["protection"], config["tags"]) == (0, "stead.guest")
    assert "10.78.0.9" not in str(config)


async def test_a_task_that_the_node_has_forgotten_has_ended(double: Double, engine: ProxmoxDriver):
    await make(engine, spec())
    task = await engine.start("a")
    await engine.settle(task, 30)
    double.world.tasks.clear()
    await engine.settle(task, 30)


async def make_virtual(engine: ProxmoxDriver, one: GuestSpec) -> None:
    await engine.settle(await engine.create(one), 1e9)


def _vmid(double: Double, name: str) -> int:
    return next(g.vmid for g in double.world.guests.values() if g.config.get("hostname") == name)
