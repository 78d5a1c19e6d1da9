"""Snapshots, sizes, clones, images and backups."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from stead.engines.conformance.trial import Trial, expect, refused
from stead.engines.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnsupportedError,
)
from stead.engines.values import Guest, GuestFile, GuestKind, GuestSpec, GuestState, Image

MARK: Final = "/etc/conformance-mark"


async def a_snapshot_is_restored(trial: Trial) -> None:
    """A marker file comes back with its snapshot, and goes with an earlier one."""
    spec, driver = await trial.make(), trial.driver
    await trial.done(driver.create_snapshot(spec.name, "bare"))
    await _mark(trial, spec, b"one")
    await trial.done(driver.create_snapshot(spec.name, "one"))
    await _mark(trial, spec, b"two")
    await trial.done(driver.restore_snapshot(spec.name, "one"))
    expect(await _marked(trial, spec) == b"one", "the marker did not come back")
    names = [snapshot.name for snapshot in await driver.list_snapshots(spec.name)]
    expect(names == ["bare", "one"], f"the snapshots are {names}")
    await trial.done(driver.restore_snapshot(spec.name, "bare"))
    await refused(_marked(trial, spec), NotFoundError)
    await trial.start(spec.name)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it starts no more")


async def a_running_guest_is_kept_but_not_restored(trial: Trial) -> None:
    """A snapshot can be taken while a guest runs; restoring it then is a conflict."""
    spec = await trial.make(start=True)
    await trial.done(trial.driver.create_snapshot(spec.name, "live"))
    await refused(trial.driver.restore_snapshot(spec.name, "live"), ConflictError)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it runs no more")


async def snapshots_are_made_and_forgotten_once(trial: Trial) -> None:
    """A repeated snapshot is the first one, a deleted one is gone, and twice is fine."""
    spec, driver = await trial.make(), trial.driver
    await _mark(trial, spec, b"first")
    await trial.done(driver.create_snapshot(spec.name, "s-1"))
    await _mark(trial, spec, b"second")
    await trial.done(driver.create_snapshot(spec.name, "s-1"))
    await trial.done(driver.restore_snapshot(spec.name, "s-1"))
    expect(await _marked(trial, spec) == b"first", "the repeat replaced the snapshot")
    for _ in range(2):
        await trial.done(driver.delete_snapshot(spec.name, "s-1"))
    expect(await driver.list_snapshots(spec.name) == (), "it is still listed")
    await refused(driver.restore_snapshot(spec.name, "s-1"), NotFoundError)
    await refused(driver.create_snapshot(spec.name, "No Name"), InvalidError)
    await _absent_snapshots(trial)


async def a_guest_goes_with_its_snapshots(trial: Trial) -> None:
    """Deleting a guest takes its snapshots with it; a new one of that name has none."""
    spec, driver = await trial.make(), trial.driver
    await trial.done(driver.create_snapshot(spec.name, "s-1"))
    await trial.patiently(lambda: driver.delete(spec.name))
    await trial.make(spec)
    expect(await driver.list_snapshots(spec.name) == (), "the old snapshots are there")


async def sizes_grow(trial: Trial) -> None:
    """Cores, memory and disk become what was asked for, also while the guest runs."""
    spec, driver = await trial.make(start=True), trial.driver
    wanted = replace(trial.grown(), cores=trial.target.smallest.cores + 1)
    least = trial.target.smallest
    for _ in range(2):
        await trial.done(driver.resize(spec.name, wanted))
        found = await trial.guest(spec.name)
        expect(found.size == wanted, f"it has {found.size}")
        expect(found.state is GuestState.RUNNING, "it runs no more")
    await trial.done(driver.resize(spec.name, replace(least, disk_gb=wanted.disk_gb)))
    expect((await trial.guest(spec.name)).addresses == (str(spec.address),), "its address is gone")
    await refused(driver.resize(spec.name, least), InvalidError)
    await refused(driver.resize(spec.name, replace(wanted, cores=0)), InvalidError)
    await refused(driver.resize(trial.spec().name, wanted), NotFoundError)


async def a_clone_has_only_the_disk(trial: Trial) -> None:
    """A clone has its source's files and neither its address, its MAC, its tags nor its note."""
    source = await trial.make(trial.spec(note="the source", tags=("source",)), start=True)
    await _mark(trial, source, b"cloned")
    await trial.stop(source.name)
    before = await trial.guest(source.name)
    spec = trial.spec(image="", address=None, mac="", note="the clone", tags=("clone",))
    await trial.done(trial.driver.clone(source.name, spec))
    _clean(await trial.guest(spec.name), spec, before)
    expect(await _marked(trial, spec) == b"cloned", "the source's disk is not there")
    expect(await trial.guest(source.name) == before, "the source was changed")
    await trial.start(source.name)
    await trial.start(spec.name)
    _clean(await trial.guest(spec.name), spec, before)


async def a_clone_gets_what_its_spec_says(trial: Trial) -> None:
    """Address, MAC and size of a clone are the spec's; a repeat is the same clone."""
    source, size = await trial.make(), trial.grown()
    spec = trial.spec(image="", memory_mb=size.memory_mb, disk_gb=size.disk_gb)
    for _ in range(2):
        await trial.done(trial.driver.clone(source.name, spec))
    found = await trial.guest(spec.name)
    expect(found.addresses == (str(spec.address),), f"its address: {found.addresses}")
    expect(found.mac.lower() == spec.mac, f"its MAC: {found.mac}")
    expect(found.size == size, f"its size: {found.size}")
    await refused(trial.driver.clone(source.name, replace(spec, key="other")), ConflictError)
    await trial.start(spec.name)


async def only_what_rests_is_cloned(trial: Trial) -> None:
    """A source that runs is a conflict, an absent one not found, less disk or a new kind no."""
    larger = trial.grown().disk_gb
    source = await trial.make(trial.spec(disk_gb=larger))
    small = trial.spec(image="")
    await refused(trial.driver.clone(source.name, small), InvalidError)
    spec = trial.spec(image="", disk_gb=larger)
    await refused(trial.driver.clone(trial.spec().name, spec), NotFoundError)
    (kind,) = set(GuestKind) - {spec.kind}
    changed = replace(spec, kind=kind)
    await refused(trial.driver.clone(source.name, changed), InvalidError, UnsupportedError)
    await trial.start(source.name)
    await refused(trial.driver.clone(source.name, spec), ConflictError)
    for each in (small, spec):
        expect(await trial.driver.find(each.name) is None, "it was made all the same")


async def an_image_is_published_used_and_deleted(trial: Trial) -> None:
    """A stopped guest becomes an image that new guests begin as and that goes when told."""
    source, driver = await trial.make(), trial.driver
    await _mark(trial, source, b"published")
    image = Image(trial.image_name(), key="image-key")
    for _ in range(2):
        await trial.done(driver.publish_image(source.name, image))
    listed = {each.name: each.key for each in await driver.list_images()}
    expect(listed.get(image.name) == image.key, f"the images are {listed}")
    spec = await trial.make(trial.spec(image=image.name), start=True)
    expect(await _marked(trial, spec) == b"published", "the new guest has another disk")
    await refused(driver.publish_image(source.name, replace(image, key="other")), ConflictError)
    for _ in range(2):
        await trial.done(driver.delete_image(image.name))
    expect(image.name not in {each.name for each in await driver.list_images()}, "it is listed")
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "its guest suffered")


async def only_what_rests_is_published(trial: Trial) -> None:
    """A source that runs is a conflict, one that is absent not found."""
    source = await trial.make(start=True)
    image = Image(trial.image_name(), key="k")
    await refused(trial.driver.publish_image(source.name, image), ConflictError)
    await refused(trial.driver.publish_image(trial.spec().name, image), NotFoundError)


async def a_backup_is_brought_back(trial: Trial) -> None:
    """A guest comes back from its stream under another name, clean as a clone is."""
    source, driver = await trial.make(trial.spec(note="old", tags=("old",))), trial.driver
    await _mark(trial, source, b"saved")
    before = await trial.guest(source.name)
    content = b"".join([part async for part in driver.export_backup(source.name)])
    spec = trial.spec(image="", address=None, mac="", note="new", tags=("new",))
    await trial.done(driver.import_backup(spec, _stream(content)))
    _clean(await trial.guest(spec.name), spec, before)
    expect(await _marked(trial, spec) == b"saved", "the marker did not come back")
    await trial.start(source.name)
    await trial.start(spec.name)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it does not run")


async def a_backup_outlives_its_guest(trial: Trial) -> None:
    """A guest that is gone comes back under its own name; the same key is not imported twice."""
    spec, driver = await trial.make(), trial.driver
    await _mark(trial, spec, b"saved")
    content = b"".join([part async for part in driver.export_backup(spec.name)])
    await trial.patiently(lambda: driver.delete(spec.name))
    for _ in range(2):
        await trial.done(driver.import_backup(replace(spec, image=""), _stream(content)))
    found = await trial.guest(spec.name)
    expect((found.key, found.addresses) == (spec.key, (str(spec.address),)), f"it is {found}")
    expect(await _marked(trial, spec) == b"saved", "the marker did not come back")


async def nonsense_is_no_backup(trial: Trial) -> None:
    """A stream that is no backup is invalid and leaves nothing; an absent guest is not found."""
    spec = trial.spec(image="")
    for nonsense in (b"", b"no backup", b"\0" * 100_000):

        async def bring(nonsense: bytes = nonsense) -> None:
            await trial.done(trial.driver.import_backup(spec, _stream(nonsense)))

        await refused(bring(), InvalidError)
        expect(await trial.driver.find(spec.name) is None, "nonsense left a guest behind")

    async def export() -> None:
        async for _ in trial.driver.export_backup(trial.spec().name):
            pass

    await refused(export(), NotFoundError)


async def _absent_snapshots(trial: Trial) -> None:
    name, driver = trial.spec().name, trial.driver
    await refused(driver.create_snapshot(name, "s-1"), NotFoundError)
    await refused(driver.list_snapshots(name), NotFoundError)
    await refused(driver.restore_snapshot(name, "s-1"), NotFoundError)
    await trial.done(driver.delete_snapshot(name, "s-1"))


def _clean(found: Guest, spec: GuestSpec, source: Guest) -> None:
    """Expect that nothing of the source but its disk is there."""
    expect(not set(found.addresses) & set(source.addresses), "it has its source's address")
    expect(found.mac.lower() != source.mac.lower(), "it has its source's MAC")
    expect((found.note, found.tags) == (spec.note, spec.tags), f"its note and tags: {found}")
    expect((found.key, found.owner) == (spec.key, spec.owner), f"its key and owner: {found}")


async def _stream(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 50_000):
        yield content[at : at + 50_000]


async def _mark(trial: Trial, spec: GuestSpec, content: bytes) -> None:
    await trial.driver.push_file(spec.name, GuestFile(MARK, content))


async def _marked(trial: Trial, spec: GuestSpec) -> bytes:
    return (await trial.driver.pull_file(spec.name, MARK, limit_bytes=1000)).content
