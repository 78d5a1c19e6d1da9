"""The steps that give a clone its secret: their order, their undo, and what a crash leaves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.integration.proxmox.test_proxmox_bad_days import make, spec
from tests.proxmox import presets
from tests.proxmox.double import Double
from tests.support.proxmox import cluster, open_driver

from stead.engines import errors
from stead.engines.drivers.proxmox import access, console
from stead.engines.drivers.proxmox.client import ProxmoxClient
from stead.engines.drivers.proxmox.driver import ProxmoxDriver
from stead.engines.drivers.proxmox.login import User
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.values import GuestFile
from stead.kit.secrets import Secret

SECRET = GuestFile("/etc/stead/token", b"one-time")


class Shells:
    """Stands for the consoles: who opened which, and what was put there."""

    def __init__(self, double: Double) -> None:
        self._double = double
        self.put: list[tuple[str, int, bytes]] = []
        self.fails: errors.EngineError | None = None

    @asynccontextmanager
    async def shell(
        self, client: ProxmoxClient, user: User, found: Found
    ) -> AsyncIterator["Shells.One"]:
        # As the real one does, the user is asked for before the console opens.
        held = await client.call(console.calls.PERMISSIONS, "show its permissions")
        assert held == {f"/vms/{found.vmid}": {"VM.Console": 0}}
        yield Shells.One(self, user.name, found.vmid)

    class One:
        def __init__(self, shells: "Shells", user: str, vmid: int) -> None:
            self._shells, self._user, self._vmid = shells, user, vmid

        async def put(self, file: GuestFile) -> None:
            if self._shells.fails is not None:
                raise self._shells.fails
            self._shells.put.append((self._user, self._vmid, file.content))


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with cluster() as started:
        yield started


@pytest.fixture
async def engine(double: Double) -> AsyncIterator[ProxmoxDriver]:
    administrator = open_driver(double)
    await access.create_roles(administrator.engine.client)
    double.world.access.groups[access.CONSOLE_GROUP] = ""
    token = presets.token(double.world, "stead@pve", "api")
    await access.grant(administrator.engine.client, "stead@pve", administrator.engine.site)
    await administrator.close()
    made = open_driver(double, token=token)
    yield made
    await made.close()


@pytest.fixture
def shells(double: Double, monkeypatch: pytest.MonkeyPatch) -> Shells:
    stand_in = Shells(double)
    monkeypatch.setattr(console, "shell", stand_in.shell)
    return stand_in


async def test_the_roles_are_all_that_is_needed(double: Double, engine: ProxmoxDriver):
    missing = await access.check(engine.engine.client, engine.engine.site)
    assert [str(one) for one in missing] == ["Sys.Modify on /nodes"]
    double.world.access.roles[access.ROLE].discard("VM.Console")
    told = access.lacking(
        await access.check(engine.engine.client, engine.engine.site), "agent_injection"
    )
    assert told.startswith("The token lacks VM.Console on /vms/")


async def test_a_clone_gets_its_secret_and_its_console_is_closed_again(
    double: Double, engine: ProxmoxDriver, shells: Shells
):
    await make(engine, spec())
    await engine.open_shell("a")
    await engine.settle(await engine.start("a"), 30)
    assert not await engine.is_closed("a")
    await engine.put_secret("a", SECRET)
    await engine.settle(await engine.close_shell("a"), 30)
    assert await engine.is_closed("a")
    ((user, _, content),) = shells.put
    assert content == b"one-time"
    assert user.startswith("stead-inj-")
    assert user not in double.world.access.users


async def test_a_secret_goes_through_a_console_that_behaves_as_a_real_one(
    double: Double, engine: ProxmoxDriver
):
    await make(engine, spec())
    await engine.open_shell("a")
    await engine.settle(await engine.start("a"), 30)
    await engine.put_secret("a", SECRET)
    guest = next(g for g in double.world.guests.values() if g.config.get("hostname") == "a")
    assert guest.files[SECRET.path] == SECRET.content
    assert not [path for path in guest.files if path.startswith(SECRET.path + ".")]
    assert not [user for user in double.world.access.users if user.startswith("stead-inj-")]
    await engine.settle(await engine.close_shell("a"), 30)
    with pytest.raises(errors.EngineError, match="login"):
        await engine.put_secret("a", SECRET)


async def test_the_console_cannot_be_opened_once_the_guest_runs(engine: ProxmoxDriver):
    await make(engine, spec())
    await engine.settle(await engine.start("a"), 30)
    with pytest.raises(errors.ConflictError):
        await engine.open_shell("a")


async def test_a_console_that_is_only_to_be_closed_counts_as_open(engine: ProxmoxDriver):
    await make(engine, spec())
    await engine.open_shell("a")
    await engine.settle(await engine.start("a"), 30)
    await engine.change("a", lambda found: _unset(engine, found))
    assert not await engine.is_closed("a")
    await engine.settle(await engine.close_shell("a"), 30)
    assert await engine.is_closed("a")


async def test_opening_is_undone_before_the_first_start(engine: ProxmoxDriver):
    await make(engine, spec())
    await engine.open_shell("a")
    await engine.settle(await engine.close_shell("a"), 30)
    assert await engine.is_closed("a")


async def test_a_session_that_fails_leaves_no_user(
    double: Double, engine: ProxmoxDriver, shells: Shells
):
    await make(engine, spec())
    await engine.open_shell("a")
    await engine.settle(await engine.start("a"), 30)
    shells.fails = errors.LockedError("The console was closed")
    with pytest.raises(errors.LockedError):
        await engine.put_secret("a", SECRET)
    assert not [user for user in double.world.access.users if user.startswith("stead-inj-")]


async def test_what_is_large_is_not_for_a_console(engine: ProxmoxDriver):
    with pytest.raises(errors.InvalidError):
        await engine.put_secret("a", GuestFile("/x", b"x" * (1024 * 1024 + 1)))


async def test_a_sweep_finds_open_consoles_and_deletes_left_users(
    double: Double, engine: ProxmoxDriver
):
    for name, number in (("a", 20), ("b", 21)):
        await make(engine, spec(name, number=number))
    await engine.open_shell("b")
    await engine.settle(await engine.start("b"), 30)
    left = presets.User(groups={access.CONSOLE_GROUP})
    double.world.access.users["stead-inj-left@pve"] = left
    double.world.access.users["anna@pve"] = presets.User()
    swept = await engine.sweep()
    assert swept.open_guests == ("b",)
    assert "anna@pve" in double.world.access.users
    assert swept.deleted_users == 1


async def test_an_archive_of_ours_carries_the_token_as_the_comment_of_nobodys_key(
    double: Double, engine: ProxmoxDriver
):
    one = spec(image=presets.ARCHIVE)
    await engine.settle(await engine.create_enrolling(one, Secret("t0ken")), 30)
    guest = next(g for g in double.world.guests.values() if g.config.get("hostname") == "a")
    (keys,) = [text for path, text in guest.files.items() if path.endswith("authorized_keys")]
    assert b"stead-enroll:t0ken" in keys
    with pytest.raises(errors.UnsupportedError):
        await engine.create_enrolling(spec("b"), Secret("t0ken"))


async def _unset(engine: ProxmoxDriver, found: Found) -> None:
    await engine._set(found, {"delete": "cmode"})
