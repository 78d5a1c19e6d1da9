"""Answers that are kept for a day, so that a request which is sent again does not act again.

Written in the transaction of what the request did: there are both, or neither.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue
from sqlalchemy import JSON, String, delete, text
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, Uow, UtcDateTime
from stead.core.errors import Kind, SteadError
from stead.kit import clock, ids

KEPT: Final = timedelta(hours=24)
_LOCK_BYTES: Final = 8


class KeyReusedError(SteadError):
    """The same Idempotency-Key came with a different request."""

    kind = Kind.INVALID
    code = "request.key_reused"


class StillRunningError(SteadError):
    """The request that this one repeats has not been answered yet."""

    kind = Kind.CONFLICT
    code = "request.still_running"
    retryable = True


class AnswerRow(Base):
    """What somebody's request was answered with. Neither the key nor the body is kept."""

    __tablename__ = "answer"

    owner: Mapped[str] = mapped_column(String(80), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key: whose, and what exactly."""

    owner: str
    key: str
    route: str
    body: bytes

    @property
    def key_hash(self) -> str:
        """Return the form in which the key is kept."""
        return ids.token_hash(self.key)

    @property
    def digest(self) -> str:
        """Return what is the same for the same request; says nothing to who has not the key."""
        content = self.route.encode() + b"\0" + self.body
        return hmac.new(self.key.encode(), content, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without its secrets."""

    status: int
    headers: dict[str, str]
    body: JsonValue


async def hold(uow: Uow, asked: Asked) -> None:
    """Keep the key for this transaction. Raises StillRunningError when another one has it.

    Where there is one writer nobody else can have it.
    """
    if uow.session.get_bind().dialect.name == "sqlite":
        return
    number = hashlib.sha256(f"{asked.owner} {asked.key}".encode()).digest()[:_LOCK_BYTES]
    got = await uow.session.scalar(
        text("select pg_try_advisory_xact_lock(:number)"),
        {"number": int.from_bytes(number, signed=True)},
    )
    if not got:
        raise still_running()


def still_running() -> StillRunningError:
    """Return what the second of two requests at once hears."""
    return StillRunningError(
        "The request with this Idempotency-Key has not been answered yet", retry_seconds=1
    )


async def find(uow: Uow, asked: Asked) -> Answer | None:
    """Return how this very request was answered. Raises KeyReusedError for another one."""
    row = await uow.session.get(AnswerRow, (asked.owner, asked.key_hash))
    if row is None or row.created_at < clock.utc_now() - KEPT:
        return None
    if not ids.equal(row.digest, asked.digest):
        raise KeyReusedError(
            "This Idempotency-Key was used for a different request",
            hint="Repeat a request exactly as it was, or use a new key",
        )
    return Answer(row.status, dict(row.headers), row.body)


async def record(uow: Uow, asked: Asked, answer: Answer) -> None:
    """Keep an answer; what is older than a day is deleted on the way."""
    now = clock.utc_now()
    await uow.session.execute(delete(AnswerRow).where(AnswerRow.created_at < now - KEPT))
    uow.session.add(
        AnswerRow(
            owner=asked.owner,
            key_hash=asked.key_hash,
            digest=asked.digest,
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            created_at=now,
        )
    )
    await uow.session.flush()
