"""Secrets at rest, and a new key for all of them."""

from pathlib import Path

import pytest
from cryptography.fernet import InvalidToken

from stead.core import vault
from stead.core.db import Database, Uow
from stead.core.db_errors import DatabaseUnavailableError
from stead.kit.secrets import Secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    vault.ensure_key(tmp_path / "vault.key")
    return tmp_path / "vault.key"


async def _put(database: Database, path: Path, number: int) -> None:
    safe = vault.open_vault(path)
    async with database.write() as uow:
        for n in range(number):
            await safe.put(uow, f"owner{n:04}", "password", Secret(f"secret {n}"))


async def _read(uow: Uow, path: Path, n: int) -> str:
    found = await vault.open_vault(path).find(uow, f"owner{n:04}", "password")
    assert found is not None
    return found.reveal()


async def test_after_a_rotation_only_the_new_key_opens_anything(database: Database, path: Path):
    await _put(database, path, 450)
    (old,) = vault.read_keys(path)
    assert await vault.rotate(database, path) == 450
    (new,) = vault.read_keys(path)
    assert new != old
    assert _mode(path) == 0o600
    async with database.read() as uow:
        assert [await _read(uow, path, n) for n in (0, 199, 200, 449)] == [
            f"secret {n}" for n in (0, 199, 200, 449)
        ]
        with pytest.raises(InvalidToken):
            await vault.Vault([old]).find(uow, "owner0007", "password")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("batches", [0, 1, 2])
async def test_a_rotation_that_was_stopped_goes_on(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
):
    await _put(database, path, 450)
    real, done = vault.Vault.rotate, 0

    async def stopping(
        self: vault.Vault, uow: Uow, after: tuple[str, str], limit: int
    ) -> list[tuple[str, str]]:
        nonlocal done
        if done == batches:
            raise DatabaseUnavailableError("gone")
        done += 1
        return await real(self, uow, after, limit)

    monkeypatch.setattr(vault.Vault, "rotate", stopping)
    with pytest.raises(DatabaseUnavailableError):
        await vault.rotate(database, path)
    monkeypatch.setattr(vault.Vault, "rotate", real)
    both = vault.read_keys(path)
    assert len(both) == 2
    async with database.read() as uow:
        assert [await _read(uow, path, n) for n in (0, 449)] == ["secret 0", "secret 449"]
    assert await vault.rotate(database, path) == 450
    assert vault.read_keys(path) == both[:1]
    async with database.read() as uow:
        assert [await _read(uow, path, n) for n in (0, 449)] == ["secret 0", "secret 449"]
