"""Jobs at work: each in a thread of its own, as many at once as the control plane allows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from stead_agent import log, store, tasks, updating
from stead_agent.clock import Pauses, ServerClock
from stead_agent.desk import Desk, Ending, JobFolder
from stead_agent.execution import Orders, Tools, execute
from stead_agent.job import Limits, Order, Ticket
from stead_agent.output import Spool
from stead_agent.reports import HEARTBEAT_SECONDS, Reporter, deliver
from stead_agent.transport import Line, UnreachableError


@dataclass(frozen=True)
class Timing:
    """How patient the agent is; the defaults are the protocol's."""

    heartbeat: float = HEARTBEAT_SECONDS
    grace: float = 10.0
    patience: float = updating.PATIENCE_SECONDS


@dataclass(frozen=True)
class Bench:
    """What the jobs of one identity share."""

    kept: store.Store
    timing: Timing
    stopping: threading.Event
    clock: ServerClock
    desk: Desk
    key: str
    dial: Callable[[], Line]
    ask_anew: Callable[[], None]
    files: threading.Lock = field(default_factory=threading.Lock)


class Slot:
    """One job: it works until it has `ended`, then it tells."""

    def __init__(self, ticket: Ticket, lane: str) -> None:
        self.ticket = ticket
        self.lane = lane
        self.orders = Orders()
        self.ended = False
        self.thread: threading.Thread | None = None

    def leave(self) -> None:
        """End it without a word, and wait until it has."""
        self.orders.put("replaced")
        if self.thread is not None:
            self.thread.join()


class Slots:
    """All jobs at work. Only the thread that claims starts some."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._slots: list[Slot] = []
        self._changed = threading.Condition()
        self.limits = Limits()

    def running(self) -> list[str]:
        """Return what a claim lists: what works, and what still tells how it ended."""
        with self._changed:
            return [slot.ticket.running for slot in self._slots]

    def wait_for_room(self, lane: str) -> bool:
        """Return once another job of this lane may run; False when the agent stops."""
        with self._changed:
            while not self._bench.stopping.is_set():
                if self._has_room(lane):
                    return True
                self._changed.wait(1)
        return False

    def leave(self, name: str) -> None:
        """End an earlier attempt at a job."""
        with self._changed:
            found = [slot for slot in self._slots if slot.ticket.job == name]
        for slot in found:
            slot.leave()

    def start(self, ticket: Ticket, order: Order) -> None:
        """Begin a job; there has to be room."""
        bench = self._bench
        slot = Slot(ticket, tasks.lane(order.kind, order.inputs))
        folder = bench.desk.open(ticket, bench.clock.now())
        spool = Spool(folder.output, bench.clock.now)
        log.event("job.accepted", job=ticket.job, attempt=ticket.attempt)
        with self._changed:
            self._slots.append(slot)
        if bench.stopping.is_set():
            slot.orders.put("stop")
        slot.thread = threading.Thread(
            target=self._live, args=(slot, folder, order, spool), daemon=True
        )
        slot.thread.start()

    def interrupt(self) -> None:
        """Have every job end; called from another thread."""
        with self._changed:
            for slot in self._slots:
                slot.orders.put("stop")
            self._changed.notify_all()

    def drain(self) -> None:
        """Return when no job works or tells any more."""
        with self._changed:
            threads = [slot.thread for slot in self._slots if slot.thread is not None]
        for thread in threads:
            thread.join()

    def _has_room(self, lane: str) -> bool:
        lanes = [slot.lane for slot in self._slots if not slot.ended]
        if tasks.ALONE in (lane, *lanes):
            return not lanes
        most = self.limits.quick if lane == tasks.QUICK else self.limits.changing
        return lanes.count(lane) < most

    def _live(self, slot: Slot, folder: JobFolder, order: Order, spool: Spool) -> None:
        try:
            self._work(slot, folder, order, spool)
        except updating.RestartError:
            updating.become()
        except Exception as error:  # noqa: BLE001 - the job is offered again; others go on
            log.event("job.broken", job=slot.ticket.job, reason=type(error).__name__)
        finally:
            with self._changed:
                self._slots.remove(slot)
                self._changed.notify_all()
            if slot.orders.replaced:
                # The claim that waits says that this still runs.
                self._bench.ask_anew()

    def _work(self, slot: Slot, folder: JobFolder, order: Order, spool: Spool) -> None:
        bench, ticket = self._bench, slot.ticket
        line = bench.dial()
        reporter = Reporter(line, folder, spool.grown, slot.orders.put)
        reporter.start(bench.timing.heartbeat)
        useful = False
        try:
            ending = self._execute(slot, folder, order, spool)
            folder.finish(ending, bench.key, bench.clock.now())
        finally:
            useful = reporter.stop()
            spool.close()
        log.event("job.ended", job=ticket.job, attempt=ticket.attempt, outcome=ending.outcome)
        with self._changed:
            slot.ended = True
            self._changed.notify_all()
        line = line if useful else bench.dial()
        if slot.orders.replaced or self._tell(slot, folder, line):
            bench.desk.settle(folder)
        else:
            bench.desk.keep(folder)
        line.close()

    def _execute(self, slot: Slot, folder: JobFolder, order: Order, spool: Spool) -> Ending:
        bench = self._bench
        line = bench.dial()
        tools = Tools(
            line,
            bench.clock,
            bench.kept.packages,
            bench.timing.grace,
            bench.stopping,
            bench.kept,
            bench.timing.patience,
            bench.files,
        )
        try:
            return execute(tools, folder, order, slot.orders, spool)
        finally:
            line.close()

    def _tell(self, slot: Slot, folder: JobFolder, line: Line) -> bool:
        """Tell until it was heard; False when it is to be told after the next start."""
        pauses = Pauses(self._bench.stopping)
        while not slot.orders.replaced:
            try:
                deliver(line, folder)
            except UnreachableError as error:
                log.event("result.delayed", reason=str(error))
            else:
                return True
            if self._bench.stopping.is_set():
                return False
            pauses.wait()
        return True
