"""Plans as data: named steps with do and undo, and what a step is given."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from stead.core.errors import Kind, SteadError

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Emit: TypeAlias = Callable[[str, "Mapping[str, Json]"], Awaitable[None]]


class StepError(SteadError):
    """A step failed in a way that trying again may or may not mend."""

    kind = Kind.UNAVAILABLE
    code = "operation.step_failed"

    def __init__(self, message: str, *, retryable: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


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

    @property
    def key(self) -> str:
        """Return the same key for every attempt of this step."""
        return f"{self.operation_id}:{self.step}"

    def text(self, name: str) -> str:
        """Return a parameter that is a string; KeyError or TypeError is a plan's bug."""
        value = self.params[name]
        if not isinstance(value, str):
            raise TypeError(f"parameter {name} is not a string")
        return value


Do: TypeAlias = Callable[[StepContext], Awaitable["Mapping[str, Json] | None"]]
Undo: TypeAlias = Callable[[StepContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """One effect. ``title`` is shown to people; ``do`` repeats after a crash."""

    name: str
    title: str
    do: Do
    undo: Undo | None = None
    attempts: int = 3
    backoff_seconds: float = 0.5
    limit_seconds: float = 600


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one kind of operation. A version in use never changes."""

    kind: str
    version: int
    steps: tuple[Step, ...] = field(default=())
    cancellable: bool = True

    @property
    def key(self) -> tuple[str, int]:
        """Return what an operation row refers to."""
        return self.kind, self.version
