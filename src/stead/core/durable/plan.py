"""Plans as data: named steps with do and undo, and what a step is given."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stead.core.db import Database, Uow
from stead.core.errors import Kind, SteadError
from stead.core.platform_settings import Setting

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Emit: TypeAlias = Callable[[str, "Mapping[str, Json]"], Awaitable[None]]


class StepError(SteadError):
    """A step failed in a way that trying again may or may not mend."""

    kind = Kind.UNAVAILABLE
    code = "operation.step_failed"

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        hint: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, fields=fields)
        self.retryable = retryable


class NeedsPersonError(StepError):
    """A step stopped where only a person can go on; all stays as it is, to be looked at."""

    code = "operation.needs_person"


class RefusedError(SteadError):
    """A rule does not allow the operation; nothing was done yet."""

    kind = Kind.FORBIDDEN
    code = "operation.refused"


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step knows: its operation, earlier results, and a key for idempotence."""

    operation_id: str
    project_id: str
    subject: str
    params: Mapping[str, Json]
    results: Mapping[str, Mapping[str, Json]]
    step: str
    emit: Emit
    round: int = 0

    @property
    def key(self) -> str:
        """Return the same key for every attempt of this step, until somebody has it redone."""
        again = f":{self.round}" if self.round else ""
        return f"{self.operation_id}:{self.step}{again}"

    def text(self, name: str) -> str:
        """Return a parameter that is a string; KeyError or TypeError is a plan's bug."""
        value = self.params[name]
        if not isinstance(value, str):
            raise TypeError(f"parameter {name} is not a string")
        return value


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``size`` steps, of whatever operations, hold ``key`` (``node:a``) at once.

    A setting as its size is read as it is whenever a step asks for a place.
    """

    key: str
    size: int | Setting[int]


Do: TypeAlias = Callable[[StepContext], Awaitable["Mapping[str, Json] | None"]]
Undo: TypeAlias = Callable[[StepContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the house: ``refuses`` returns why an operation must not go on, or None."""

    name: str
    refuses: Callable[[Uow, StepContext], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One effect. ``title`` is shown to people; ``do`` repeats after a crash.

    A step with ``limits`` starts when it can hold all of them; its undo does not wait. One that
    is there for its ``rules`` is made by ``policy``.
    """

    name: str
    title: str
    do: Do
    undo: Undo | None = None
    attempts: int = 3
    backoff_seconds: float = 0.5
    limit_seconds: float = 600
    limits: Callable[[StepContext], Sequence[Limit]] | None = None
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one kind of operation. A version in use never changes.

    A ``repeatable`` plan can start anew after its undo, from its parameters alone.
    """

    kind: str
    version: int
    steps: tuple[Step, ...] = ()
    cancellable: bool = True
    repeatable: bool = False
    deadline_seconds: float | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Return what an operation row refers to."""
        return self.kind, self.version


def policy(database: Database, *rules: Rule) -> Step:
    """Return the step that asks the rules; a plan has it before its first effect.

    What undoes a reservation belongs to a step before it. Taking an operation up again asks too.
    """

    async def check(context: StepContext) -> None:
        async with database.read() as uow:
            await obey(uow, rules, context)

    return Step("policy", "Check the rules", check, rules=rules)


async def obey(uow: Uow, rules: Iterable[Rule], context: StepContext) -> None:
    """Pass, or raise RefusedError with the first rule that does not allow it."""
    for rule in rules:
        if reason := await rule.refuses(uow, context):
            raise RefusedError(
                f"{reason} (rule {rule.name})",
                fields={"rule": rule.name},
                hint="Ask whoever sets the rules, or ask for something that they allow",
            )
