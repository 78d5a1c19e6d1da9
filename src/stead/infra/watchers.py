"""Watches one cluster in the background, so that nobody else has to ask its engine.

Where the engine tells of changes, each makes the watcher look at that one guest, and a
complete look now and then is the safety net; elsewhere complete looks are all there is. What
an event says is never believed: only what a look finds is, so their order does not matter.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from stead.core import log
from stead.core.db import Database
from stead.core.errors import SteadError
from stead.engines import errors
from stead.engines.abilities import Events
from stead.engines.capabilities import Ability, Capabilities
from stead.engines.port import EngineDriver
from stead.engines.values import Guest, GuestEvent
from stead.infra import clusters, inventory, news, repository
from stead.infra.inventory import Look, Recorded
from stead.kit import clock

AWAY: Final = "away"
REFUSED: Final = "refused"
FAILING: Final = "failing"
# Events of more guests than this within one pace cost less as one complete look.
FEW: Final = 20
# Where more differs than this, reading everything costs less.
MANY: Final = 1000
CERTIFICATE: Final = "certificate"
BLIND: Final = "blind"
# The first that fits says what is wrong with a cluster that gave no answer.
_STATES: Final = (
    (errors.CertificateChangedError, CERTIFICATE),
    (errors.BlindError, BLIND),
    (errors.AuthRejectedError, REFUSED),
    (errors.ForbiddenError, REFUSED),
)
Answer = TypeVar("Answer")
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between looks, between looks of the safety net, for one answer, and so on."""

    look: float = 5
    safety: float = 30
    describe: float = 60
    gather: float = 0.2
    answer: float = 60
    first_retry: float = 1
    last_retry: float = 30
    # Unchanged answers are held against the database in full only this often.
    full: float = 300
    lease: float = 90
    survey: float = 60
    survey_again: float = 15
    # A survey rests this many times as long as it took, so that no engine is kept busy by it.
    survey_rest: float = 20


class Watcher:
    """Feeds the inventory of one cluster. Being killed costs it nothing but a fresh look."""

    def __init__(
        self,
        database: Database,
        engine: EngineDriver,
        cluster_id: str,
        *,
        name: str = "",
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._engine = engine
        self._cluster_id = cluster_id
        self._name = name
        self._pace = pace or Pace()
        self._alone = True
        self._failures = 0
        self._memory = _Memory(full_seconds=self._pace.full)
        self._described_at = 0.0

    async def run(self, *, alone: bool) -> None:
        """Watch until cancelled. Without ``alone`` other processes may: one of them does."""
        self._alone = alone
        while True:
            try:
                await self._watch()
            except errors.EngineError as error:
                await self._note(state_of(error), _said(error))
            except SteadError as error:
                logger.warning("watcher.interrupted", reason=error.message)
            except Exception as error:  # a driver's bug must not end the work of the server
                logger.exception("watcher.crashed", cluster=self._cluster_id)
                await self._note(FAILING, f"The driver failed ({type(error).__name__})")
            self._memory.forget()
            await asyncio.sleep(self._retry())

    async def _watch(self) -> None:
        if not await self._hold():
            self._failures = 0
            return
        capabilities = await self._describe()
        async with _following(self._engine, capabilities) as heard:
            while await self._hold():
                began = clock.monotonic()
                if began - self._described_at >= self._pace.describe:
                    await self._describe()
                recorded = await self._look()
                self._failures = 0
                calm = heard.telling and not recorded.pending
                await self._listen(heard, began, self._pace.safety if calm else self._pace.look)

    async def _describe(self) -> Capabilities:
        health = await self._answer(self._engine.health())
        capabilities = await self._answer(self._engine.capabilities())
        async with self._database.write() as uow:
            await clusters.note_answer(uow, self._cluster_id, health, capabilities)
        self._described_at = clock.monotonic()
        return capabilities

    async def _look(self) -> Recorded:
        began_at = clock.utc_now()
        claims = self._database.bus.version(news.claims_topic(self._cluster_id))
        guests = await self._answer(self._engine.inventory())
        look = Look(began_at, guests, only=self._memory.differing(guests, claims))
        async with self._database.write() as uow:
            recorded = await inventory.record(uow, self._cluster_id, look)
        self._memory.keep(look, recorded, claims)
        return recorded

    async def _listen(self, heard: "_Heard", began: float, seconds: float) -> None:
        """Look at guests that events name, until the next complete look is due."""
        due, asked = began + seconds, 0
        while (left := due - clock.monotonic()) > 0:
            names = await heard.take(left, self._pace.gather)
            asked += len(names)
            soon = asked > FEW or (bool(names) and not await self._find(names))
            if soon:
                due = min(due, began + self._pace.look)

    async def _find(self, names: set[str]) -> bool:
        """Look at single guests; False when one is gone, which a complete look has to say."""
        began_at = clock.utc_now()
        asked = [await self._find_one(name) for name in sorted(names)]
        guests = tuple(guest for guest in asked if guest is not None)
        look = Look(began_at, guests, complete=False)
        async with self._database.write() as uow:
            recorded = await inventory.record(uow, self._cluster_id, look)
        self._memory.add(look, recorded)
        return len(guests) == len(asked) and not recorded.pending

    async def _find_one(self, name: str) -> Guest | None:
        try:
            return await self._answer(self._engine.find(name))
        except (errors.InvalidError, errors.NotFoundError):
            # An event may name what is no guest, or anything at all.
            return None

    async def _answer(self, call: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._pace.answer):
                return await call
        except TimeoutError as error:
            raise errors.UnreachableError(
                f"The engine has not answered for {self._pace.answer:g} seconds"
            ) from error

    async def _hold(self) -> bool:
        if self._alone:
            return True
        now = clock.utc_now()
        until = now + timedelta(seconds=self._pace.lease)
        async with self._database.write() as uow:
            return await repository.hold(uow, self._cluster_id, self._name, now, until)

    async def _note(self, state: str, message: str) -> None:
        self._failures += 1
        try:
            async with self._database.write() as uow:
                await clusters.note_failure(uow, self._cluster_id, state, message)
        except SteadError as error:
            logger.warning("watcher.note.lost", reason=error.message)

    def _retry(self) -> float:
        doubled = self._pace.first_retry * 2.0 ** min(max(self._failures - 1, 0), 16)
        return min(doubled, self._pace.last_retry) if self._failures else self._pace.look


def state_of(error: errors.EngineError) -> str:
    """Return what a failure makes of a cluster."""
    return next((state for kind, state in _STATES if isinstance(error, kind)), AWAY)


def _said(error: errors.EngineError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else error.message


class _Memory:
    """What was recorded last, so that only what differs has to be compared with the database."""

    def __init__(self, full_seconds: float) -> None:
        self._full_seconds = full_seconds
        self._guests: dict[str, Guest] | None = None
        self._open: frozenset[str] = frozenset()
        self._claims = 0
        self._full_at = 0.0

    def forget(self) -> None:
        """Let the next look be compared in full."""
        self._guests = None

    def differing(self, guests: tuple[Guest, ...], claims: int) -> frozenset[str] | None:
        """Return the names of which something may be new; None when that may be any."""
        known = self._guests
        stale = clock.monotonic() - self._full_at >= self._full_seconds
        if known is None or stale or claims != self._claims:
            return None
        seen = inventory.named(guests)
        changed = {name for name, guest in seen.items() if known.get(name) != guest}
        names = frozenset(changed | (known.keys() - seen.keys()) | self._open)
        return names if len(names) <= MANY else None

    def keep(self, look: Look, recorded: Recorded, claims: int) -> None:
        """Remember a complete look that is on record."""
        self._guests = dict(inventory.named(look.guests))
        self._open, self._claims = recorded.open, claims
        if look.only is None:
            self._full_at = clock.monotonic()

    def add(self, look: Look, recorded: Recorded) -> None:
        """Remember a look at single guests that is on record."""
        if self._guests is not None:
            self._guests.update(inventory.named(look.guests))
            self._open |= recorded.open


class _Heard:
    """The guests that events named and nobody has looked at since."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def telling(self) -> bool:
        """Tell whether the engine tells of changes at all."""
        return self._task is not None

    @asynccontextmanager
    async def listening(self, events: AsyncIterator[GuestEvent]) -> AsyncIterator["_Heard"]:
        """Collect what is told until the context is left."""
        self._task = asyncio.create_task(self._collect(events))
        self._task.add_done_callback(lambda _: self._news.set())
        try:
            yield self
        finally:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def take(self, seconds: float, gather: float) -> set[str]:
        """Wait for names, and a moment for more of them; none when time ran out."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
                await asyncio.sleep(gather)
        except TimeoutError:
            pass
        if self._task is not None and self._task.done():
            self._task.result()
            raise errors.UnreachableError("The engine ended its events")
        self._news.clear()
        names, self._names = self._names, set()
        return names

    async def _collect(self, events: AsyncIterator[GuestEvent]) -> None:
        async for event in events:
            if len(self._names) <= FEW:
                self._names.add(event.name)
            self._news.set()


@asynccontextmanager
async def _following(engine: EngineDriver, capabilities: Capabilities) -> AsyncIterator[_Heard]:
    if not (capabilities.of(Ability.EVENTS).usable and isinstance(engine, Events)):
        yield _Heard()
        return
    async with engine.events() as events, _Heard().listening(events) as heard:
        yield heard
