"""Decisions about operations that a restore interrupted: adopt, undo or forget.

What adopting and forgetting mean is known to the domain that owns the subject; it is plugged
in at assembly. Undoing is the plan's own way back.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import OperationRow, State, interrupted
from stead.core.http import Provided
from stead.operations import repository
from stead.operations.errors import NoSuchChoiceError


class Choice(StrEnum):
    """What a person can decide."""

    ADOPT = "adopt"
    UNDO = "undo"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Situation:
    """What the inventory says about what an operation worked on."""

    guest: str
    presence: str
    looked_at: datetime | None


Act = Callable[[Provided, Uow, Actor, OperationRow], Awaitable[str]]
Look = Callable[[Uow, OperationRow], Awaitable[Situation | None]]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a domain offers for its subjects; acting returns the id of a new operation."""

    adopt: Act
    forget: Act
    look: Look


@dataclass(frozen=True, slots=True)
class Recoveries:
    """Who knows what to do with which kind of subject."""

    by_kind: Mapping[str, Recovery]

    def find(self, row: OperationRow) -> Recovery | None:
        """Return what is known about an operation's subject."""
        return self.by_kind.get(row.subject.partition(":")[0])


class DecisionOut(BaseModel):
    """An operation that a restore interrupted, and what can be decided about it."""

    operation_id: str
    title: str
    project_id: str
    waiting: bool
    guest: str = ""
    presence: str = ""
    looked_at: datetime | None = None
    choices: list[Choice] = []


class DecisionIn(BaseModel):
    """What a person decided."""

    choice: Choice


async def find_decision(
    uow: Uow, actor: Actor, recoveries: Recoveries, operation_id: str
) -> DecisionOut:
    """Return what there is to decide about one operation."""
    row = await _get(uow, actor, operation_id, Action.OPERATION_READ)
    return await _describe(uow, recoveries, row)


async def list_decisions(uow: Uow, recoveries: Recoveries) -> list[DecisionOut]:
    """Return everything that waits for a decision, of all projects."""
    rows = await interrupted.list_interrupted(uow)
    return [await _describe(uow, recoveries, row) for row in rows]


async def decide(
    uow: Uow, actor: Actor, services: Provided, operation_id: str, choice: str
) -> str:
    """Act on a decision; return the operation that does. Raises NotInterruptedError."""
    row = await _get(uow, actor, operation_id, Action.OPERATION_DECIDE)
    if choice not in set(Choice):
        raise NoSuchChoiceError("Choose adopt, undo or forget")
    if row.state != State.INTERRUPTED:
        raise interrupted.NotInterruptedError("This operation does not wait for a decision")
    if choice == Choice.UNDO:
        await interrupted.take_back(uow, operation_id, actor.name)
        return operation_id
    known = services.get(Recoveries).find(row)
    if known is None and choice == Choice.ADOPT:
        raise NoSuchChoiceError("Nothing of this operation can be adopted; undo or forget it")
    successor = operation_id
    if known is not None:
        act = known.adopt if choice == Choice.ADOPT else known.forget
        successor = await act(services, uow, actor, row)
    await interrupted.settle(uow, operation_id, choice, actor.name, successor)
    return successor


async def _get(uow: Uow, actor: Actor, operation_id: str, asked: Action) -> OperationRow:
    row = await repository.find(uow, operation_id)
    if row is None:
        raise authz.NotFoundError("There is no such operation, or it is not yours")
    authz.require(actor, asked, row.project_id, "operation")
    return row


async def _describe(uow: Uow, recoveries: Recoveries, row: OperationRow) -> DecisionOut:
    known = recoveries.find(row)
    found = await known.look(uow, row) if known is not None else None
    waiting = row.state == State.INTERRUPTED
    choices = list(Choice) if known is not None else [Choice.UNDO, Choice.FORGET]
    return DecisionOut(
        operation_id=row.id,
        title=row.title,
        project_id=row.project_id,
        waiting=waiting,
        guest=found.guest if found is not None else "",
        presence=found.presence if found is not None else "",
        looked_at=found.looked_at if found is not None else None,
        choices=choices if waiting else [],
    )
