"""Carries deliveries to their receivers: whatever is due, a few at once, again when it fails.

A try is written down before it is made. Whoever dies meanwhile leaves a delivery that is due
again a little later, under the same id; so everything arrives at least once.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from stead.core import log
from stead.core.db import Database, Uow
from stead.core.errors import SteadError
from stead.core.outbound import Limits, Outbound, OutboundTooLargeError
from stead.core.vault import Vault
from stead.kit import clock
from stead.webhooks import repository, rules, service
from stead.webhooks.models import AttemptRow, DeliveryRow, WebhookRow
from stead.webhooks.repository import Due
from stead.webhooks.rules import DeliveryState, Paused
from stead.webhooks.telling import TOPIC

SLOTS: Final = 16
# A project whose receivers hang leaves places for the others.
PER_PROJECT: Final = 4
LIMITS: Final = Limits(seconds=10, body_bytes=128 * 1024)
LEASE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 30.0
PURGE_SECONDS: Final = 3600.0
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One try of one delivery, with all that it needs."""

    delivery_id: str
    webhook_id: str
    number: int
    event: str
    url: str
    body: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try went: the answer's status and beginning, or why there is none."""

    seconds: float
    status: int | None = None
    answer: str = ""
    problem: str = ""


class Courier:
    """Carries what is due until it is cancelled; several can work on one database."""

    def __init__(
        self, database: Database, vault: Vault, outbound: Outbound, limits: Limits = LIMITS
    ) -> None:
        self._database = database
        self._vault = vault
        self._outbound = outbound
        self._limits = limits
        self._under_way: Counter[str] = Counter()

    async def run(self) -> None:
        """Carry what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._purge())
            while True:
                seen = self._database.bus.version(TOPIC)
                try:
                    while self._under_way.total() < SLOTS and await self._start(group):
                        pass
                    pause = await self._pause()
                except SteadError as error:
                    logger.warning("webhooks.look.failed", reason=error.code)
                    pause = 1.0
                await self._database.bus.changed(TOPIC, seen, pause)

    async def _start(self, group: asyncio.TaskGroup) -> bool:
        async with self._database.read() as uow:
            due = await repository.find_due(uow, self._busy())
        if due is None:
            return False
        async with self._database.write() as uow:
            parcel = await self._take(uow, due)
        if parcel is not None:
            self._under_way[due.project_id] += 1
            group.create_task(self._carry(parcel, due.project_id))
        return True

    async def _take(self, uow: Uow, due: Due) -> Parcel | None:
        if not await repository.claim(uow, due, LEASE_SECONDS):
            return None
        row = await repository.find_delivery(uow, due.id)
        webhook = await repository.find(uow, due.webhook_id)
        secrets = await self._vault.all_of(uow, due.webhook_id)
        if row is None or webhook is None or service.SECRET not in secrets:
            return None
        good = [secrets[service.SECRET].reveal()]
        if webhook.previous_until is not None and webhook.previous_until > clock.utc_now():
            good.append(secrets[service.PREVIOUS].reveal())
        return Parcel(
            row.id, webhook.id, due.tries + 1, row.event, webhook.url, row.body, tuple(good)
        )

    async def _carry(self, parcel: Parcel, project_id: str) -> None:
        try:
            outcome = await self._send(parcel)
            async with self._database.write() as uow:
                await record(uow, parcel, outcome)
        except SteadError as error:
            # The database went away: the delivery is due again in a minute.
            logger.warning("webhooks.record.failed", reason=error.code)
        except Exception:  # a bug that one delivery meets must not end all the others
            logger.exception("webhooks.crashed", delivery=parcel.delivery_id)
        finally:
            self._under_way[project_id] -= 1
            self._database.bus.publish(TOPIC)

    async def _send(self, parcel: Parcel) -> Outcome:
        began = clock.monotonic()
        headers = rules.headers(
            parcel.delivery_id, parcel.event, parcel.body, parcel.secrets, clock.utc_now()
        )
        status: int | None = None
        answer = bytearray()
        problem = ""
        try:
            async with self._outbound.stream(
                "POST",
                parcel.url,
                content=parcel.body.encode(),
                headers=headers,
                limits=self._limits,
            ) as said:
                status = said.status
                async for chunk in said.chunks:
                    answer += chunk[: rules.ANSWER_LENGTH - len(answer)]
        except OutboundTooLargeError:
            pass  # what it says is of no interest beyond its beginning
        except SteadError as error:
            # Once there is a status, it counts, however badly the rest arrives.
            problem = error.message if status is None else ""
        seconds = clock.monotonic() - began
        return Outcome(seconds, status, rules.readable(bytes(answer)), problem)

    async def _pause(self) -> float:
        if self._under_way.total() >= SLOTS:
            return LOOK_SECONDS
        async with self._database.read() as uow:
            seconds = await repository.seconds_until_due(uow, self._busy())
        return LOOK_SECONDS if seconds is None else min(max(seconds, 0.05), LOOK_SECONDS)

    def _busy(self) -> list[str]:
        return [one for one, number in self._under_way.items() if number >= PER_PROJECT]

    async def _purge(self) -> None:
        while True:
            try:
                before = clock.utc_now() - timedelta(days=rules.KEPT_DAYS)
                while True:
                    async with self._database.write() as uow:
                        if not await repository.purge(uow, before):
                            break
            except SteadError as error:
                logger.warning("webhooks.purge.failed", reason=error.code)
            await asyncio.sleep(PURGE_SECONDS)


async def record(uow: Uow, parcel: Parcel, outcome: Outcome) -> None:
    """Write down how a try went, and what follows from it.

    Nothing is written when it is gone, or when somebody else has begun another try since.
    """
    webhook = await repository.hold(uow, parcel.webhook_id)
    row = await repository.find_delivery(uow, parcel.delivery_id)
    if row is None or webhook is None or row.tries != parcel.number:
        return
    uow.session.add(
        AttemptRow(
            delivery_id=row.id,
            number=parcel.number,
            at=clock.utc_now(),
            seconds=outcome.seconds,
            status=outcome.status,
            answer=outcome.answer,
            problem=outcome.problem[:500],
        )
    )
    if row.state != DeliveryState.PENDING:
        return
    if rules.is_taken(outcome.status):
        _end(row, DeliveryState.DELIVERED)
        webhook.misses = 0 if row.event != rules.TEST else webhook.misses
        return
    pause = None if row.event == rules.TEST else rules.pause_after(row.tries - row.forgiven)
    if rules.is_gone(outcome.status) and row.event != rules.TEST:
        pause, webhook.paused = None, webhook.paused or Paused.GONE
    if pause is not None:
        await repository.put_off(uow, row.id, pause)
        return
    _end(row, DeliveryState.GIVEN_UP)
    if row.event != rules.TEST:
        _miss(webhook)


def _miss(webhook: WebhookRow) -> None:
    webhook.misses += 1
    if webhook.misses >= rules.MISSES:
        webhook.paused = webhook.paused or Paused.FAILURES


def _end(row: DeliveryRow, state: DeliveryState) -> None:
    row.state, row.finished_at = state, clock.utc_now()
