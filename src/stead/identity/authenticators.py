"""The port behind which it is decided whose name and password these are.

Local accounts are one implementation; directories and single sign-on are others. Callers
know the port alone: locking out, second factors and sessions are the same for all.
"""

from dataclasses import dataclass
from typing import Protocol

from stead.core.db import Database
from stead.core.vault import Vault
from stead.identity.passwords import Passwords
from stead.identity.repository import people
from stead.kit.secrets import Secret


class Authenticator(Protocol):
    """One source of accounts."""

    async def verify(self, name: str, password: Secret) -> str | None:
        """Return the id of the person whose name and password these are, or None.

        It takes equally long for names that it does not know. A source that cannot be
        reached raises a SteadError of kind ``unavailable``; the next one is asked all the same.
        """
        ...


class LocalAccounts:
    """Accounts whose passwords lie here, hashed."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    async def verify(self, name: str, password: Secret) -> str | None:
        """Return the id of the person whose name and password these are, or None."""
        async with self._database.read() as uow:
            user = await people.find_by_name(uow, name)
        stored = user.password_hash if user is not None else None
        right = await self._passwords.verify(stored, password)
        if user is None or stored is None or not right:
            return None
        if self._passwords.is_old(stored):
            await self._renew(user.id, stored, password)
        return user.id

    async def _renew(self, user_id: str, stored: str, password: Secret) -> None:
        """Hash with today's parameters, unless the password was changed meanwhile."""
        renewed = await self._passwords.hash(password)
        async with self._database.write() as uow:
            user = await people.find(uow, user_id)
            if user is not None and user.password_hash == stored:
                user.password_hash = renewed


@dataclass(frozen=True, slots=True)
class Doors:
    """What signing in needs besides the database."""

    authenticators: tuple[Authenticator, ...]
    passwords: Passwords
    vault: Vault


def local_doors(database: Database, vault: Vault, passwords: Passwords | None = None) -> Doors:
    """Return the doors of a platform that has local accounts alone."""
    chosen = passwords or Passwords()
    return Doors((LocalAccounts(database, chosen),), chosen, vault)
