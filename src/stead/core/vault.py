"""Secrets at rest: encrypted with a key that lies beside the database, never in it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    ScalarSelect,
    String,
    bindparam,
    delete,
    literal,
    select,
    tuple_,
)
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, Database, Uow
from stead.core.files import write_private
from stead.kit.secrets import Secret

_PURPOSE: Final = b"stead-vault-key-v1"
_BATCH: Final = 200


class SecretRow(Base):
    """One encrypted value; the owner is the id of the row that it belongs to."""

    __tablename__ = "secret"

    owner: Mapped[str] = mapped_column(String(60), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)


# Agents' keys are asked for at every request of theirs.
_FIND: Final = select(SecretRow.ciphertext).where(
    SecretRow.owner == bindparam("of"), SecretRow.name == bindparam("named")
)


class Vault:
    """Puts secrets away and gives them back by reference (owner and name)."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._cipher = MultiFernet([Fernet(key) for key in keys])

    async def put(self, uow: Uow, owner: str, name: str, secret: Secret) -> None:
        """Store a secret under its reference, replacing what was there."""
        ciphertext = self._cipher.encrypt(secret.reveal().encode())
        await uow.session.merge(SecretRow(owner=owner, name=name, ciphertext=ciphertext))

    async def find(self, uow: Uow, owner: str, name: str) -> Secret | None:
        """Return a secret, or None when there is none under this reference."""
        found = await uow.session.scalar(_FIND, {"of": owner, "named": name})
        return None if found is None else self.reveal(found)

    def reveal(self, ciphertext: bytes) -> Secret:
        """Return the secret that a query found, see ``sealed``."""
        return Secret(self._cipher.decrypt(ciphertext).decode())

    async def all_of(self, uow: Uow, owner: str) -> dict[str, Secret]:
        """Return everything that belongs to one owner."""
        rows = await uow.session.scalars(select(SecretRow).where(SecretRow.owner == owner))
        return {row.name: self.reveal(row.ciphertext) for row in rows}

    async def rotate(self, uow: Uow, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Encrypt the secrets that follow anew with the first key; return which they were."""
        place = tuple_(SecretRow.owner, SecretRow.name)
        rows = await uow.session.scalars(
            select(SecretRow)
            .where(place > tuple_(literal(after[0]), literal(after[1])))
            .order_by(SecretRow.owner, SecretRow.name)
            .limit(limit)
        )
        done = []
        for row in rows:
            row.ciphertext = self._cipher.rotate(row.ciphertext)
            done.append((row.owner, row.name))
        return done

    async def forget(self, uow: Uow, owner: str) -> None:
        """Delete everything that belongs to one owner."""
        await uow.session.execute(delete(SecretRow).where(SecretRow.owner == owner))


def sealed(owner: ColumnElement[str], name: str) -> ScalarSelect[Any]:
    """Return, as a part of a query, what lies here for the owner of each of its rows."""
    found = select(SecretRow.ciphertext).where(SecretRow.owner == owner, SecretRow.name == name)
    return found.scalar_subquery()


def ensure_key(path: Path) -> None:
    """Create the key file (0600) unless it is there."""
    if path.exists():
        return
    write_private(path, Fernet.generate_key())


def open_vault(path: Path) -> Vault:
    """Return the vault whose keys lie in this file."""
    return Vault(read_keys(path))


async def rotate(database: Database, path: Path) -> int:
    """Replace the key in this file and encrypt every secret anew; return how many there are.

    Stopped anywhere it is called again and goes on: both keys are in the file until no secret
    needs the old one. No other process may hold the old key meanwhile.
    """
    keys = read_keys(path)
    if len(keys) == 1:
        keys = [Fernet.generate_key(), *keys]
        write_private(path, b"\n".join(keys))
    vault, last, number = Vault(keys), ("", ""), 0
    while True:
        async with database.write() as uow:
            done = await vault.rotate(uow, last, _BATCH)
        if not done:
            break
        last, number = done[-1], number + len(done)
    write_private(path, keys[0])
    return number


def read_keys(path: Path) -> list[bytes]:
    """Return the keys in a file, the one that encrypts first; the others still decrypt."""
    return path.read_bytes().split()


def fingerprints(path: Path) -> tuple[str, ...]:
    """Return what tells keys apart without giving them away."""
    return tuple(hashlib.sha256(_PURPOSE + key).hexdigest()[:16] for key in read_keys(path))
