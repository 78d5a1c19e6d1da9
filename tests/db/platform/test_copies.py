"""Copies: consistent, private, whole or absent; and restoring one, all of it or none."""

import hashlib
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.factories import databases
from tests.factories.copies import SCHEMA, Copies, opened, restore
from tests.factories.durable import World, submit, working
from tests.factories.platform import Platform

from stead.core import durable, epoch, vault
from stead.core.authz import Role
from stead.core.db import Database, sqlite_url
from stead.identity import public as identity, tokens
from stead.identity.errors import SuspendedTokenError
from stead.infra import public as infra
from stead.kit.secrets import Secret
from stead.platform import archive, public as platform
from stead.platform.errors import (
    BusyPlatformError,
    CopyDamagedError,
    CopyForeignError,
    RecoveryKeyError,
)

SECRET = "correct-horse-battery"


@pytest.fixture
async def copies(platform: Platform, tmp_path: Path) -> Copies:
    place = _place(tmp_path)
    place.edge_token.write_text("edg_token")
    async with platform.database.write() as uow:
        await epoch.ensure(uow)
        await platform.vault.put(uow, "owner", "password", Secret(SECRET))
    (tmp_path / "copies").mkdir()
    return Copies(platform.database, place, _key(), tmp_path / "copies")


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[platform.Place, str]:
    """Return an empty machine."""
    place = _place(tmp_path / "elsewhere")
    return place, sqlite_url(place.folder / "stead.db")


def _key() -> platform.RecoveryKey:
    return platform.new_key()


def _place(folder: Path) -> platform.Place:
    return platform.Place(folder, "stead.localhost", folder / "edge.token")


async def test_a_copy_restored_elsewhere_is_the_platform_with_its_secrets(
    copies: Copies, elsewhere: tuple[platform.Place, str]
):
    place, url = elsewhere
    before = await databases.values(copies.database)
    done = await restore(place, url, await copies.take(), key=copies.key)
    restored = opened(url)
    after = await databases.values(restored)
    async with restored.read() as uow:
        safe = vault.open_vault(place.folder / "vault.key")
        found = await safe.find(uow, "owner", "password")
    await restored.close()
    assert {name: rows for name, rows in after.items() if name != "platform"} == {
        name: rows for name, rows in before.items() if name != "platform"
    }
    assert found is not None
    assert found.reveal() == SECRET
    assert done.rows == sum(map(len, before.values()))
    for name in ("vault.key", "ca.key", "ca.pem"):
        original = copies.place.folder / name
        assert (place.folder / name).read_bytes() == original.read_bytes()
        assert (place.folder / name).stat().st_mode == original.stat().st_mode
    assert place.edge_token.read_text() == "edg_token"
    digests = sorted(path.name for path in copies.place.blobs.iterdir())
    assert sorted(path.name for path in place.blobs.iterdir()) == digests != []


async def test_a_copy_shows_no_secret_and_is_for_its_owner_alone(copies: Copies):
    path = await copies.take()
    content = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    for name in ("vault.key", "ca.key", "edge.token"):
        assert copies.place.secret_file(name).read_bytes().strip() not in content
    for secret in (SECRET, copies.key.text.reveal(), copies.key.private.reveal()):
        assert secret.encode() not in content
    assert list(path.parent.iterdir()) == [path]


async def test_a_copy_is_one_moment_while_others_write(copies: Copies):
    world = World()
    async with working(copies.database, world.plan()):
        for number in range(30):
            await submit(copies.database, world.plan(), f"thing:{number}")
        path = await copies.take()
    place = _place(path.parent / "moment")
    url = sqlite_url(place.folder / "stead.db")
    await restore(place, url, path, key=copies.key)
    found = await databases.values(restored := opened(url))
    await restored.close()
    steps = len(found["operation_step"])
    assert steps == 3 * len(found["operation"])


async def test_tables_of_many_rows_are_copied_whole(copies: Copies):
    world = World()
    for number in range(3):
        await submit(copies.database, world.plan("abcdefghij" * 50), f"thing:{number}")
    path = await copies.take()
    place = _place(path.parent / "many")
    url = sqlite_url(place.folder / "stead.db")
    await restore(place, url, path, key=copies.key)
    found = await databases.values(restored := opened(url))
    await restored.close()
    before = await databases.values(copies.database)
    assert found["operation_step"] == before["operation_step"]
    assert len(found["operation_step"]) == 1500


async def test_nothing_that_lets_somebody_in_for_a_while_is_restored(
    copies: Copies, platform: Platform
):
    project = await platform.project("p")
    person = await platform.person("Ada", **{project: Role.OWNER})
    session = await platform.session(person)
    token = await platform.token(person)
    async with platform.database.write() as uow:
        link = await identity.issue_link(uow, person.user_id)
    path = await copies.take()
    place = _place(path.parent / "later")
    url = sqlite_url(place.folder / "stead.db")
    await restore(place, url, path, key=copies.key)
    restored = opened(url)
    async with restored.read() as uow:
        assert await identity.find_actor_by_session(uow, session) is None
        assert not await identity.link_is_open(uow, link)
        assert await identity.find_actor_by_token(uow, token) is None
    with pytest.raises(SuspendedTokenError):
        await identity.recognise_token(restored, token)
    async with restored.write() as uow:
        (known,) = await identity.list_tokens(uow, person)
        await tokens.allow_again(uow, person, known.id)
    assert await identity.recognise_token(restored, token) is not None
    await restored.close()


@pytest.mark.sqlite
async def test_restoring_over_the_same_platform_needs_no_key_and_keeps_what_was(
    copies: Copies, platform: Platform
):
    path = await copies.take()
    await platform.project("made-later")
    async with platform.database.write() as uow:
        later = await epoch.begin(uow, copy="x", copied_at=epoch.clock.utc_now(), after=0)
    save(copies)
    await platform.database.close()
    url = sqlite_url(copies.place.folder / "stead.db")
    done = await restore(copies.place, url, path)
    assert done.epoch > later
    restored = opened(url)
    assert "project" not in await databases.values(restored)
    async with restored.read() as uow:
        row = await epoch.find(uow)
    await restored.close()
    assert row is not None
    assert (row.epoch, row.copied_at) == (done.epoch, done.taken_at)
    aside = opened(sqlite_url(copies.place.folder / done.aside / "stead.db"))
    assert [str(row[1]) for row in (await databases.values(aside))["project"]] == ["made-later"]
    await aside.close()


def save(copies: Copies) -> None:
    platform.save(copies.place.folder, copies.key.keeper)


@pytest.mark.release
@pytest.mark.sqlite
async def test_restoring_the_same_copy_twice_begins_two_epochs(copies: Copies):
    path = await copies.take()
    save(copies)
    await copies.database.close()
    url = sqlite_url(copies.place.folder / "stead.db")
    first = await restore(copies.place, url, path)
    second = await restore(copies.place, url, path)
    assert second.epoch > first.epoch > epoch.FIRST


async def test_open_operations_are_interrupted_and_ended_ones_are_not(copies: Copies):
    world = World()
    waiting = await submit(copies.database, world.plan())
    done = await submit(copies.database, world.plan(), "thing:2")
    async with copies.database.write() as uow:
        row = await uow.session.get_one(durable.OperationRow, done)
        row.state = durable.State.SUCCEEDED
    path = await copies.take()
    place = _place(path.parent / "later")
    url = sqlite_url(place.folder / "stead.db")
    restored = await restore(place, url, path, key=copies.key)
    assert restored.interrupted == 1
    database = opened(url)
    async with database.read() as uow:
        rows = [await uow.session.get_one(durable.OperationRow, i) for i in (waiting, done)]
    await database.close()
    assert [row.state for row in rows] == ["interrupted", "succeeded"]


@pytest.mark.release
async def test_what_was_seen_before_the_copy_is_not_told_as_the_present(
    copies: Copies, elsewhere: tuple[platform.Place, str]
):
    async with copies.database.write() as uow:
        cluster = await infra.local_cluster_id(uow)
        await infra.record(uow, cluster, infra.Look(epoch.clock.utc_now(), ()))
        assert (await infra.find_drift(uow)).looked_at is not None
    place, url = elsewhere
    await restore(place, url, await copies.take(), key=copies.key)
    restored = opened(url)
    async with restored.read() as uow:
        assert (await infra.find_drift(uow)).looked_at is None
    await restored.close()


@pytest.mark.sqlite
@pytest.mark.parametrize("change", ["flip", "cut", "append", "empty", "other"])
async def test_a_damaged_copy_is_refused_and_nothing_changes(
    copies: Copies, elsewhere: tuple[platform.Place, str], change: str
):
    place, url = elsewhere
    path = await copies.take()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    match change:
        case "flip":
            content[middle] ^= 1
        case "cut":
            del content[middle:]
        case "append":
            # An archive ends with up to ten kilobytes that mean nothing.
            with tarfile.open(path) as tar:
                end = max(member.offset_data + member.size for member in tar.getmembers())
            content = content[: end - 1] + b"x" * 20000
        case "empty":
            content.clear()
        case _:
            content[:] = b"PK\x03\x04 something else altogether" * 40
    path.write_bytes(content)
    with pytest.raises((CopyDamagedError, CopyForeignError)):
        await restore(place, url, path, key=copies.key)
    assert not (place.folder / "stead.db").exists()
    assert not (place.folder / "vault.key").exists()


@pytest.mark.release
@pytest.mark.sqlite
async def test_every_flipped_byte_is_noticed(
    copies: Copies, elsewhere: tuple[platform.Place, str]
):
    place, url = elsewhere
    path = await copies.take()
    original = path.read_bytes()
    with tarfile.open(path) as tar:
        members = [m for m in tar.getmembers() if not m.name.startswith("blobs/")]
    for member in members:
        content = bytearray(original)
        content[member.offset_data + member.size // 2] ^= 0x10
        path.write_bytes(content)
        with pytest.raises((CopyDamagedError, CopyForeignError, RecoveryKeyError)):
            await restore(place, url, path, key=copies.key)
    path.write_bytes(original)
    assert (await restore(place, url, path, key=copies.key)).rows > 0


@pytest.mark.sqlite
async def test_a_copy_that_somebody_made_up_is_refused(
    copies: Copies, elsewhere: tuple[platform.Place, str]
):
    place, url = elsewhere
    path = await copies.take()
    forged = path.with_name("forged.copy")
    stranger = platform.new_key().keeper
    claimed = replace(stranger, public=copies.key.keeper.public)
    with archive.reading(path) as (copy, _), archive.writing(forged) as writer:
        for name in copy.names:
            writer.add(name, copy.read(name))
        writer.finish(claimed)
    with pytest.raises(CopyDamagedError, match="did not make"):
        await restore(place, url, forged, key=copies.key)


@pytest.mark.sqlite
async def test_the_wrong_key_and_none_are_refused(
    copies: Copies, elsewhere: tuple[platform.Place, str]
):
    place, url = elsewhere
    path = await copies.take()
    with pytest.raises(RecoveryKeyError, match="cannot open"):
        await restore(place, url, path)
    with pytest.raises(RecoveryKeyError, match="another recovery key"):
        await restore(place, url, path, key=platform.new_key())
    platform.save(place.folder, copies.key.keeper)
    with pytest.raises(RecoveryKeyError, match="do not open the secrets"):
        await restore(place, url, path)
    assert not (place.folder / "stead.db").exists()


@pytest.mark.release
@pytest.mark.sqlite
async def test_a_newer_copy_is_refused(copies: Copies, elsewhere: tuple[platform.Place, str]):
    place, url = elsewhere
    path = await copies.take()
    older = replace(SCHEMA, knows=lambda _revision: False)
    with pytest.raises(CopyForeignError, match="newer"):
        await platform.restore(place, url, older, platform.Wish(path, copies.key))


@pytest.mark.release
@pytest.mark.sqlite
async def test_another_platform_is_replaced_only_on_request(
    copies: Copies, elsewhere: tuple[platform.Place, str], migrated: Path
):
    place, url = elsewhere
    place.folder.mkdir()
    other: Database = opened(sqlite_url(databases.copy(migrated, place.folder)))
    async with other.write() as uow:
        name = (await epoch.ensure(uow)).name
    await other.close()
    path = await copies.take()
    with pytest.raises(CopyForeignError, match="another platform"):
        await restore(place, url, path, key=copies.key)
    still = opened(url)
    async with still.read() as uow:
        row = await epoch.find(uow)
    await still.close()
    assert row is not None
    assert row.name == name
    await restore(place, url, path, key=copies.key, replace_other=True)


@pytest.mark.release
@pytest.mark.sqlite
async def test_a_broken_database_does_not_stand_in_the_way(copies: Copies):
    path = await copies.take()
    save(copies)
    await copies.database.close()
    (copies.place.folder / "stead.db").write_bytes(b"not a database" * 1000)
    url = sqlite_url(copies.place.folder / "stead.db")
    assert (await restore(copies.place, url, path)).rows > 0


async def test_a_backup_that_fails_leaves_nothing(copies: Copies):
    taken = await copies.take()
    digest = hashlib.sha256(taken.read_bytes()).hexdigest()
    with pytest.raises(FileExistsError):
        await copies.take()
    assert list(copies.folder.iterdir()) == [taken]
    assert hashlib.sha256(taken.read_bytes()).hexdigest() == digest
    left = copies.folder / "killed.copy.part"
    left.write_bytes(b"half")
    await copies.take("two")
    assert not left.exists()


async def test_a_backup_in_progress_is_not_swept_away(copies: Copies):
    with archive.writing(copies.folder / "slow.copy") as writer:
        writer.add("a", b"1")
        await copies.take("other")
        assert (copies.folder / "slow.copy.part").exists()
    assert (copies.folder / "slow.copy").stat().st_uid == os.getuid()


@pytest.mark.release
async def test_a_copy_goes_from_one_kind_of_database_to_the_other_and_back(
    copies: Copies, elsewhere: tuple[platform.Place, str], target_url: str
):
    await submit(copies.database, World().plan())
    place, url = elsewhere
    await restore(place, url, await copies.take(), key=copies.key)
    first = opened(url)
    here = await databases.values(first)
    again = Copies(first, place, copies.key, copies.folder)
    path = await again.take("again")
    await first.close()
    there = _place(copies.folder.parent / "third")
    done = await restore(there, target_url, path, key=copies.key)
    second = opened(target_url)
    found = await databases.values(second)
    async with second.write() as uow:
        # Numbers go on after those that came along.
        await durable.append_event(uow, str(found["operation"][0][0]), "log", {"text": "later"})
    events = (await databases.values(second))["operation_event"]
    await second.close()
    changed = {"platform"}
    assert {n: r for n, r in found.items() if n not in changed} == {
        n: r for n, r in here.items() if n not in changed
    }
    assert done.rows == sum(map(len, here.values()))
    assert len(events) == len(found["operation_event"]) + 1


@pytest.mark.release
async def test_restoring_over_postgresql_keeps_what_was_in_another_schema(
    copies: Copies, target_url: str, kind: str
):
    if kind == "sqlite":
        return  # its previous state is a file, see above
    place = _place(copies.folder / "server")
    path = await copies.take()
    await restore(place, target_url, path, key=copies.key)
    busy = opened(target_url)
    async with busy.read() as uow:
        await uow.session.connection()
        with pytest.raises(BusyPlatformError):
            await restore(place, target_url, path, key=copies.key)
    await busy.close()
    done = await restore(place, target_url, path, key=copies.key)
    after = opened(target_url)
    async with after.read() as uow:
        query = text(f'select count(*) from "{done.aside}".platform')  # noqa: S608  (our own name)
        assert await uow.session.scalar(query) == 1
        row = await epoch.find(uow)
    await after.close()
    assert row is not None
    assert row.epoch == done.epoch
