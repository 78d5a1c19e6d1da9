"""Things that go wrong on request: each is data, waits for its call and then strikes."""

import dataclasses
import re


@dataclasses.dataclass
class Fault:
    """One thing that goes wrong with calls or tasks that match.

    ``calls`` is matched with ``METHOD /path``; ``tasks`` with ``type:id``. ``kind``:
    ``drop`` carries the call out and closes the connection without an answer;
    ``refuse`` answers ``status`` and ``reason`` and does nothing; ``late`` carries it out
    and answers ``status`` and ``reason`` all the same; ``hang`` never answers;
    ``delay`` waits ``seconds`` first; ``garbage`` answers ``body`` as it is;
    ``fail`` ends a task with ``reason``; ``stuck`` keeps a task from ever ending;
    ``killed`` ends a task at once, its locks and half-made guests left behind.
    """

    kind: str
    calls: str = ""
    tasks: str = ""
    status: int = 596
    reason: str = "Connection timed out"
    seconds: float = 0
    body: bytes = b""
    times: int = 1


class Faults:
    """The faults that wait for their moment."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self.struck: list[tuple[str, str]] = []

    def add(self, kind: str, calls: str = "", tasks: str = "", **details: object) -> Fault:
        """Let something go wrong; ``times=-1`` means always."""
        fault = Fault(kind, calls, tasks, **details)  # type: ignore[arg-type]  # checked by the dataclass
        self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self.waiting.clear()

    def for_call(self, what: str) -> Fault | None:
        return self._take("calls", what)

    def for_task(self, what: str) -> Fault | None:
        return self._take("tasks", what)

    def _take(self, field: str, what: str) -> Fault | None:
        for fault in self.waiting:
            pattern = getattr(fault, field)
            if pattern and fault.times and re.search(pattern, what):
                fault.times -= 1
                self.struck.append((fault.kind, what))
                return fault
        return None
