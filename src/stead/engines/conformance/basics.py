"""Guests come, run and go; what is not there; names and sizes at their limits."""

from dataclasses import replace

from stead.engines import limits
from stead.engines.abilities import Reassigns
from stead.engines.capabilities import Ability, Verdict
from stead.engines.conformance.trial import Trial, expect, refused
from stead.engines.errors import ConflictError, InvalidError, NotFoundError, QuotaError
from stead.engines.values import EngineTask, GuestKind, GuestState


async def health_names_the_engine(trial: Trial) -> None:
    """A cluster says what it is, its version and its nodes."""
    health = await trial.driver.health()
    expect(bool(health.engine and health.version and all(health.nodes)), f"it says {health}")
    expect(bool(health.nodes), "it names no node")


async def the_record_is_complete(trial: Trial) -> None:
    """Every ability is answered for, and every no and limit has a reason."""
    record = await trial.driver.capabilities()
    expect(bool(record.pool), "the record does not name its pool")
    for ability in Ability:
        entry = record.of(ability)
        expect(
            bool(entry.reason) is (entry.verdict is not Verdict.YES),
            f"{ability} is {entry.verdict} with the reason {entry.reason!r}",
        )
    await refused(trial.driver.capabilities("no-such-pool"), NotFoundError)


async def a_guest_comes_runs_and_goes(trial: Trial) -> None:
    """Create, start, stop and delete do so, and once more is done already."""
    spec, driver = await trial.make(), trial.driver
    expect((await trial.guest(spec.name)).state is GuestState.STOPPED, "a new guest is stopped")
    await trial.start(spec.name)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "a started guest runs")
    await trial.done(driver.start(spec.name))
    await trial.stop(spec.name)
    expect((await trial.guest(spec.name)).state is GuestState.STOPPED, "a stopped guest is so")
    await trial.done(driver.stop(spec.name, force=True))
    await trial.done(driver.delete(spec.name))
    expect(await driver.find(spec.name) is None, "a deleted guest is gone")
    await trial.done(driver.delete(spec.name))


async def a_guest_can_be_asked_to_stop(trial: Trial) -> None:
    """A stop without force lets the guest end by itself."""
    spec = await trial.make(start=True)
    await trial.done(trial.driver.stop(spec.name, force=False))
    expect((await trial.guest(spec.name)).state is GuestState.STOPPED, "it still runs")


async def a_guest_is_what_was_asked_for(trial: Trial) -> None:
    """Key, owner, address, MAC, note, tags and size are found again, also in the inventory."""
    size = trial.grown()
    spec = await trial.make(
        trial.spec(
            memory_mb=size.memory_mb, disk_gb=size.disk_gb, note="first", tags=("blue", "x-1")
        )
    )
    found = await trial.guest(spec.name)
    expect((found.key, found.owner) == (spec.key, spec.owner), f"key and owner: {found}")
    expect(found.addresses == (str(spec.address),), f"its address: {found.addresses}")
    expect(found.mac.lower() == spec.mac, f"its MAC: {found.mac}")
    expect((found.note, found.tags) == (spec.note, spec.tags), f"note and tags: {found}")
    expect(found.size == size, f"its size: {found.size}")
    expect(found.kind is spec.kind, f"it is a {found.kind}")
    expect(bool(found.node), "it is on no node")
    listed = [guest for guest in await trial.driver.inventory() if guest.name == spec.name]
    expect(listed == [found], f"the inventory says {listed}, find says {found}")


async def a_running_guest_is_not_deleted(trial: Trial) -> None:
    """Deleting a guest that runs is a conflict, and it runs on."""
    spec = await trial.make(start=True)

    async def delete() -> None:
        await trial.done(trial.driver.delete(spec.name))

    await refused(delete(), ConflictError)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it runs no more")


async def what_is_absent_is_told_or_done(trial: Trial) -> None:
    """Find says none, start says not found, stop and delete are done."""
    name, driver = trial.spec().name, trial.driver
    expect(await driver.find(name) is None, "a guest that never was is found")
    await refused(driver.start(name), NotFoundError)
    for call in (driver.stop(name, force=True), driver.stop(name, force=False)):
        await trial.done(call)
    await trial.done(driver.delete(name))
    await trial.done(driver.delete(name))


async def a_task_that_ended_settles_again(trial: Trial) -> None:
    """Settling a task after its end, twice, or one that was done at once, returns."""
    spec = trial.spec()
    task = await trial.driver.create(spec)
    for _ in range(3):
        await trial.driver.settle(task, trial.target.seconds)
    await trial.driver.settle(EngineTask("", done=True), 0)


async def longest_names_work(trial: Trial) -> None:
    """A name of 63 characters is created, found, started and deleted."""
    short = trial.spec()
    spec = replace(short, name=short.name + "-" + "x" * (limits.NAME_LENGTH - 1 - len(short.name)))
    trial.spec(name=spec.name)
    await trial.make(spec, start=True)
    expect((await trial.guest(spec.name)).name == spec.name, "it has another name")


async def impossible_names_are_invalid(trial: Trial) -> None:
    """Names that no engine can hold are refused as invalid, and nothing is made."""
    spec = trial.spec()
    for name in ("", "x" * 64, "Upper", "a.b", "a_b", "-a", "a-", "../a", "a/b", "ü", "a\n"):
        await refused(trial.driver.create(replace(spec, name=name)), InvalidError)
    names = {guest.name for guest in await trial.driver.inventory()}
    expect(not names & {"x" * 64, "Upper", "upper"}, "it was made all the same")


async def impossible_sizes_are_invalid(trial: Trial) -> None:
    """Sizes below the minimum or beyond reason are refused as invalid or by quota."""
    spec = trial.spec()
    for change in ({"cores": 0}, {"memory_mb": 63}, {"disk_gb": 0}, {"disk_gb": 10**9}):
        wrong = replace(spec, **change)  # type: ignore[arg-type]
        await refused(trial.driver.create(wrong), InvalidError, QuotaError)
    expect(await trial.driver.find(spec.name) is None, "it was made all the same")


async def unknown_parts_are_not_found(trial: Trial) -> None:
    """An image, network or pool that is not there is told, and nothing is left behind."""
    for change in ({"image": "no-such-image"}, {"network": "nosuchnet"}, {"pool": "no-such-pool"}):
        spec = trial.spec(**change)

        async def create(spec: object = spec) -> None:
            await trial.done(trial.driver.create(spec))  # type: ignore[arg-type]

        await refused(create(), NotFoundError, InvalidError)
        expect(await trial.driver.find(spec.name) is None, f"{change} left a guest behind")


async def notes_hold_any_language(trial: Trial) -> None:
    """A note comes back as it was, whatever it is written in, up to its longest."""
    for note in ("für Zoë\nザリガニ 🐙 \"quoted\" 'and' <b>&amp;</b> %41 {{x}}", "x" * 2000):
        spec = await trial.make(trial.spec(note=note))
        expect((await trial.guest(spec.name)).note == note, f"{note[:60]!r} came back changed")
    await refused(trial.driver.create(trial.spec(note="x" * 2001)), InvalidError)


async def an_address_belongs_to_one_guest(trial: Trial) -> None:
    """A second guest cannot have the address of the first one."""
    first = await trial.make()
    second = trial.spec(address=first.address)

    async def take() -> None:
        await trial.make(second, start=True)

    await refused(take(), ConflictError)


async def vms_come_run_and_go(trial: Trial) -> None:
    """A virtual machine is told apart from containers, also while it runs and in the inventory."""
    spec = await trial.make(start=True)
    expect((await trial.guest(spec.name)).kind is GuestKind.VM, "it is no virtual machine")
    listed = {guest.name: guest.kind for guest in await trial.driver.inventory()}
    expect(listed.get(spec.name) is GuestKind.VM, "the inventory has it as something else")
    await trial.stop(spec.name)
    expect((await trial.guest(spec.name)).kind is GuestKind.VM, "it became something else")


async def networks_are_made_once(trial: Trial) -> None:
    """Ensuring a network that is there changes nothing; guests on it keep running."""
    spec = await trial.make(start=True)
    await trial.driver.ensure_network(trial.target.network)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "the guest stopped")


async def a_guest_that_never_ran_is_given_away(trial: Trial) -> None:
    """A guest that was made beforehand becomes the one that is asked for, once."""
    driver = trial.driver
    if not isinstance(driver, Reassigns):
        return
    kept = await trial.make(trial.spec(network="", address=None, mac=""))
    spec = trial.spec(tags=("given",), note="given away")
    for _ in range(2):
        await trial.done(driver.reassign(kept.name, spec))
    found = await trial.guest(spec.name)
    expect(await driver.find(kept.name) is None, "it is there under its old name too")
    expect((found.key, found.owner) == (spec.key, spec.owner), f"it is {found.key}'s")
    expect(found.addresses == (str(spec.address),), f"it has {found.addresses}")
    expect((found.tags, found.note) == (spec.tags, spec.note), f"it says {found.note!r}")
    await trial.start(spec.name)
    await refused(driver.reassign(spec.name, trial.spec()), ConflictError)
    await refused(driver.reassign("cf-nobody", trial.spec()), NotFoundError)
