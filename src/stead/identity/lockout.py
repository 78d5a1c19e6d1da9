"""Slows guessing down: failed attempts lock a name, an address and both together for a while."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from stead.core import platform_settings
from stead.core.db import Database, Uow
from stead.identity import rules, settings
from stead.identity.errors import TooManyAttemptsError
from stead.identity.repository import people
from stead.kit import clock

FORGET: Final = timedelta(hours=24)
# An address may try more names than one, and many addresses the same name.
_FREE_PER_ADDRESS: Final = 30
_FREE_PER_NAME: Final = 100
# A stranger somewhere else can hold a name up only for a minute at a time.
_LONGEST_PER_NAME: Final = timedelta(minutes=1)


async def admit(database: Database, name: str, address: str) -> None:
    """Count an attempt before anything is checked, so that many at once gain nothing.

    Raises TooManyAttemptsError. Names that nobody has are counted the same.
    """
    keys, now = _keys(name, address), clock.utc_now()
    async with database.write() as uow:
        uow.keep_books()
        known = await people.failures(uow, list(keys.values()))
        locked = max((row.locked_until for row in known.values()), default=now)
        _refuse_before(locked, now)
        await people.purge_failures(uow, now - FORGET)
        limits = await _limits(uow)
        for kind, key in keys.items():
            free, longest = limits[kind]
            count = await people.count_failure(uow, key, now, now - FORGET)
            # Where several write at once, one that counted meanwhile may have locked it.
            _refuse_before(await people.locked_until(uow, key), now)
            lock = rules.lock_time(count, free, longest)
            if lock:
                await people.lock_until(uow, key, now + lock)


async def forgive(uow: Uow, name: str, address: str) -> None:
    """Forget the attempts for a name once it was the right person.

    Those of the address stay: whoever has an account of their own must not use it to go on
    guessing at others.
    """
    keys = _keys(name, address)
    await people.forget_failures(uow, [keys["both"], keys["name"]])


async def unlock(uow: Uow, name: str) -> None:
    """Let a person try again at once, from wherever nobody else is locked out."""
    await people.forget_failures(uow, [_keys(name, "")["name"]])
    await people.forget_failures_of(uow, f"both:{_digest(name)}")


async def _limits(uow: Uow) -> dict[str, tuple[int, timedelta]]:
    """Return how many attempts are free, and for how long at most the next one has to wait."""
    free = await platform_settings.get(uow, settings.LOCKOUT_ATTEMPTS)
    minutes = await platform_settings.get(uow, settings.LOCKOUT_LONGEST)
    longest = timedelta(minutes=minutes)
    return {
        "both": (free, longest),
        "address": (max(free, _FREE_PER_ADDRESS), longest),
        "name": (_FREE_PER_NAME, min(longest, _LONGEST_PER_NAME)),
    }


def _refuse_before(locked: datetime, now: datetime) -> None:
    if locked > now:
        seconds = int((locked - now).total_seconds()) + 1
        raise TooManyAttemptsError(
            "There were too many failed attempts",
            hint=f"Try again in {seconds} s",
            retry_seconds=seconds,
        )


def _keys(name: str, address: str) -> dict[str, str]:
    digest = _digest(name)
    return {
        "both": f"both:{digest}:{_digest(address)}",
        "address": f"address:{_digest(address)}",
        "name": f"name:{digest}",
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
