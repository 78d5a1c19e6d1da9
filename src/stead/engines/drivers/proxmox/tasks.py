"""Follows Proxmox's tasks: one poll per node answers for all tasks that anybody waits for.

An accepted task says nothing about its end: only the exit status does, and the log where the
exit status is silent.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import ProxmoxClient, rows, table
from stead.engines.drivers.proxmox.errors import task_failed
from stead.engines.drivers.proxmox.pace import Pace

_PARTS: Final = 8
_LOG_LINES: Final = 50
_LOG_CHARACTERS: Final = 4000
# A task is first asked for when its kind is usually about to end, then ever less often.
_SHARE_OF_AGE: Final = 0.08
_EARLY: Final = 0.9
_WEIGHT: Final = 0.3


@dataclass(frozen=True, slots=True)
class Upid:
    """What a task's id tells; ``guest`` is the source, not the target, of a clone."""

    text: str
    node: str
    kind: str
    guest: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task ended. ``known`` is false when the node has no record of it any more."""

    upid: Upid
    exitstatus: str
    known: bool = True

    @property
    def well(self) -> bool:
        """Tell whether it did what it was asked to; warnings do not count against it."""
        return self.exitstatus == "OK" or self.exitstatus.startswith("WARNINGS")


def parse(text: str) -> Upid:
    """Read a task's id. Raises OutcomeUnknown for an answer that is none."""
    parts = text.split(":")
    if len(parts) <= _PARTS or parts[0] != "UPID" or not parts[1]:
        raise errors.OutcomeUnknownError(
            "Proxmox accepted something without naming a task", native=text[:200]
        )
    return Upid(text, node=parts[1], kind=parts[5], guest=parts[6])


@dataclass
class _Node:
    waiting: dict[str, list[asyncio.Future[Ended]]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.Task[None] | None = None


class Tasks:
    """Waits for tasks. Shared by everything that talks to one cluster."""

    def __init__(self, client: ProxmoxClient, pace: Pace) -> None:
        self._client = client
        self._pace = pace
        self._nodes: dict[str, _Node] = {}
        self._usual: dict[str, float] = {}

    async def ended(self, upid: Upid) -> Ended:
        """Wait until a task has ended, however it did."""
        node = self._nodes.setdefault(upid.node, _Node())
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        node.waiting.setdefault(upid.text, []).append(future)
        node.since.setdefault(upid.text, self._pace.now())
        node.woken.set()
        if node.loop is None or node.loop.done():
            node.loop = asyncio.create_task(self._poll(upid.node, node))
        try:
            return await future
        finally:
            _forget(node, upid.text, future)

    async def finish(self, upid: Upid, doing: str) -> None:
        """Wait for a task; raises what its exit status and its log say.

        A task that the node no longer knows has ended; the caller looks at the guest.
        """
        ended = await self.ended(upid)
        if ended.known and not ended.well:
            raise task_failed(ended.exitstatus, await self.log(upid), doing)

    async def log(self, upid: Upid) -> str:
        """Return the last lines a task wrote, or nothing when they cannot be read."""
        try:
            answer = await self._client.call(
                calls.TASK_LOG,
                "show the log of a task",
                {"start": 0, "limit": 0},
                node=upid.node,
                upid=upid.text,
            )
        except errors.EngineError:
            return ""
        lines = [str(row.get("t", "")) for row in rows(answer)[-_LOG_LINES:]]
        return "\n".join(lines)[-_LOG_CHARACTERS:]

    async def active(self, node: str, guest: int) -> tuple[Upid, ...]:
        """Return the tasks that run for a guest now, as far as we may see them."""
        answer = await self._client.call(
            calls.TASKS, "list its tasks", {"source": "active", "vmid": guest}, node=node
        )
        return tuple(parse(str(row.get("upid", ""))) for row in rows(answer))

    async def close(self) -> None:
        """Stop polling; whoever still waits is told that nothing is known."""
        for node in self._nodes.values():
            if node.loop is not None:
                node.loop.cancel()
                with suppress(asyncio.CancelledError):
                    await node.loop
            _fail(node, errors.OutcomeUnknownError("The connection was closed"))

    async def _poll(self, name: str, node: _Node) -> None:
        while node.waiting:
            try:
                await self._look(name, node)
            except errors.EngineError as error:
                if not error.retryable:
                    _fail(node, error)
                    return
            node.woken.clear()
            await self._pace.sleep_unless(node.woken, self._pause(node))

    def _pause(self, node: _Node) -> float:
        """Return how long to wait for the task that is likely to end next."""
        return min((self._due(node, text) for text in node.waiting), default=0)

    def _due(self, node: _Node, text: str) -> float:
        age = self._pace.now() - node.since[text]
        early = self._usual.get(parse(text).kind, 0.0) * _EARLY - age
        return min(max(self._pace.least, age * _SHARE_OF_AGE, early), self._pace.most)

    async def _look(self, name: str, node: _Node) -> None:
        """Ask for single tasks while they are few, for the list of running ones when many."""
        running: set[str] = set()
        if len(node.waiting) > 1:
            answer = await self._client.call(
                calls.TASKS, "list its tasks", {"source": "active", "limit": 0}, node=name
            )
            running = {str(row.get("upid", "")) for row in rows(answer)}
        for text in [upid for upid in node.waiting if upid not in running]:
            ended = await self._state(parse(text))
            if ended is None:
                continue
            self._learn(ended.upid.kind, self._pace.now() - node.since.get(text, self._pace.now()))
            for future in node.waiting.pop(text, []):
                if not future.done():
                    future.set_result(ended)

    def _learn(self, kind: str, seconds: float) -> None:
        usual = self._usual.get(kind, seconds)
        self._usual[kind] = usual + (seconds - usual) * _WEIGHT

    async def _state(self, upid: Upid) -> Ended | None:
        try:
            answer = await self._client.call(
                calls.TASK_STATUS, "finish a task", node=upid.node, upid=upid.text
            )
        except errors.NotFoundError:
            return Ended(upid, "", known=False)
        state = table(answer)
        if state.get("status") != "stopped":
            return None
        return Ended(upid, str(state.get("exitstatus", "unexpected status")))


def _fail(node: _Node, error: errors.EngineError) -> None:
    for futures in node.waiting.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
    node.waiting.clear()


def _forget(node: _Node, upid: str, future: asyncio.Future[Ended]) -> None:
    left = [other for other in node.waiting.get(upid, []) if other is not future]
    if left:
        node.waiting[upid] = left
    else:
        node.waiting.pop(upid, None)
        node.since.pop(upid, None)
