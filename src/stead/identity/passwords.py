"""Hashes and checks passwords, off the event loop and a few at a time."""

import asyncio
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from stead.kit import ids
from stead.kit.secrets import Secret

# Each takes 64 MB for its moment, so a burst must not take gigabytes.
AT_ONCE: Final = 2
_HASHER: Final = PasswordHasher()


class Passwords:
    """Makes and checks argon2id hashes."""

    def __init__(self, hasher: PasswordHasher = _HASHER) -> None:
        self._hasher = hasher
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody = cache(lambda: hasher.hash(ids.new_password()))

    async def hash(self, password: Secret) -> str:
        """Return the form in which a password is stored."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password.reveal())

    async def verify(self, stored: str | None, password: Secret) -> bool:
        """Compare; for somebody without a password it takes as long and says no."""
        async with self._turns:
            return await asyncio.to_thread(self._verify, stored, password.reveal())

    def is_old(self, stored: str) -> bool:
        """Tell whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            self._hasher.verify(stored or self._nobody(), password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None
