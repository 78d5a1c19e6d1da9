"""The agent's life: enrol, make up for a restart, then claim jobs and have them run."""

from __future__ import annotations

import http.client
import os
import threading
import time
import traceback

from stead_agent import (
    VERSION,
    identity as identities,
    job,
    keyline,
    log,
    process,
    sessions,
    signing,
    store,
    tasks,
    updating,
)
from stead_agent.clock import Pauses, ServerClock
from stead_agent.desk import Desk, Ending, JobFolder
from stead_agent.enrolment import enrol
from stead_agent.identity import Identity, IdentityError
from stead_agent.job import RefusedError, Ticket, UnusableError
from stead_agent.nonces import Epoch, Nonces
from stead_agent.reports import deliver
from stead_agent.roads import Road, Signpost
from stead_agent.slots import Bench, Slots, Timing
from stead_agent.transport import UnreachableError

CLAIM_SECONDS = 25
_ANSWER_SPARE = 15
_QUICK_SECONDS = 0.5
_LEFTOVER_GRACE = 2.0


class Agent:
    """Gets an identity and keeps turning; `stop` may be called from another thread."""

    def __init__(self, kept: store.Store, timing: Timing) -> None:
        self._kept = kept
        self._timing = timing
        self._stopping = threading.Event()
        self._pauses = Pauses(self._stopping)
        self._worker: Worker | None = None

    def run(self) -> None:
        """Work until `stop` is called."""
        identity = self._become()
        if identity is None:
            return
        log.event("agent.ready", agent=identity.agent, version=VERSION)
        worker = self._worker = Worker(self._kept, identity, self._timing, self._stopping)
        worker.recover()
        worker.conclude_update()
        while not self._stopping.is_set():
            try:
                pause = worker.turn()
            except UnreachableError as error:
                pause = True
                log.event("server.unreachable", reason=str(error))
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever a turn meets
                pause = True
                log.event("turn.failed", reason=type(error).__name__, place=_place(error))
            if pause:
                self._pauses.wait()
            else:
                self._pauses.reset()
        worker.farewell()

    def stop(self) -> None:
        """End what is under way; `run` returns when that was reported or could not be."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.interrupt()

    def _become(self) -> Identity | None:
        while not self._stopping.is_set():
            try:
                keyline.take(self._kept)
                identity, bootstrap = identities.prepare(self._kept)
                if bootstrap is None:
                    return identity
                identity = enrol(self._kept, identity, bootstrap)
                self._pauses.reset()
                log.event("agent.enrolled", agent=identity.agent)
            except (UnreachableError, IdentityError, OSError) as error:
                log.event("enrolment.delayed", reason=str(error))
                self._pauses.wait()
            else:
                return identity
        return None


class Worker:
    """One identity at work: it claims, and makes up for what was not told; its slots run jobs."""

    def __init__(
        self, kept: store.Store, identity: Identity, timing: Timing, stopping: threading.Event
    ) -> None:
        self._kept = kept
        self._me = identity
        self._timing = timing
        self._stopping = stopping
        self._clock = ServerClock()
        self._desk = Desk(kept.jobs)
        self._nonces = Nonces(kept.nonces)
        self._epoch = Epoch(kept.epoch)
        self._signpost = Signpost()
        self._line = Road(identity, self._signpost)
        self._program = updating.own_digest()
        self._slots = Slots(
            Bench(
                kept,
                timing,
                stopping,
                self._clock,
                self._desk,
                identity.key,
                lambda: Road(identity, self._signpost),
                self.ask_anew,
            )
        )
        self._updating: JobFolder | None = None

    def recover(self) -> None:
        """End what a killed agent left running and note it; what was not told is pending."""
        record = updating.load(self._kept)
        for folder in self._desk.load():
            if record is not None and record.names(folder.ticket):
                self._updating = folder
                continue
            if folder.result() is None:
                session = sessions.parse(store.read(folder.process))
                gone = session is None or process.end_leftovers(session, _LEFTOVER_GRACE)
                log.event("job.interrupted", job=folder.ticket.job, gone=gone)
                ending = Ending("interrupted", None, "The agent was restarted while the job ran.")
                folder.finish(ending, self._me.key, self._clock.now())
            self._desk.keep(folder)

    def conclude_update(self) -> None:
        """Tell how an update ended; a new program has to reach the control plane first."""
        record = updating.load(self._kept)
        if record is None:
            return
        ending = Ending("failed", None, record.reason or "The update was interrupted.")
        if record.state != updating.RETURNED and record.digest == updating.own_digest():
            if not self._is_reached(record):
                return
            ending = Ending("done", 0)
        if self._updating is not None:
            self._updating.finish(ending, self._me.key, self._clock.now())
            self._desk.keep(self._updating)
        self._kept.update.unlink(missing_ok=True)
        log.event("update.ended", job=record.job, outcome=ending.outcome)

    def _is_reached(self, record: updating.Record) -> bool:
        """Make a signed call until it is answered; become the program before when none is."""
        deadline, pauses = time.monotonic() + self._timing.patience, Pauses(self._stopping)
        target, body = f"/agent/v1/jobs/{record.job}/heartbeat", {"attempt": record.attempt}
        while not self._stopping.is_set():
            try:
                self._line.call("POST", target, dict(body))
            except UnreachableError as error:
                log.event("update.delayed", reason=str(error))
                if time.monotonic() > deadline:
                    reason = "The new program did not reach the control plane in time."
                    if updating.give_back(self._kept, reason):
                        updating.become()
                pauses.wait()
            else:
                return True
        return False

    def turn(self) -> bool:
        """Report what is pending, then claim a job and begin it; return whether to pause then."""
        stuck = False
        if self._line.is_useless:
            self._line.close()
            self._line = Road(self._me, self._signpost)
        try:
            self._desk.deliver(lambda folder: deliver(self._line, folder))
        except UnreachableError as error:
            stuck = True
            log.event("result.delayed", reason=str(error))
        if self._stopping.is_set():
            return False
        self._signpost.look(self._line)
        return self._claim(stuck=stuck)

    def _claim(self, *, stuck: bool) -> bool:
        held = self._slots.running()
        running = [*held, *(folder.ticket.running for folder in self._desk.pending)]
        body: dict[str, object] = {
            "wait": 1 if stuck else CLAIM_SECONDS,
            "running": running,
            "version": VERSION,
            "program": self._program,
            "load": _load(),
        }
        asked = time.monotonic()
        answer = self._line.call(
            "POST", "/agent/v1/jobs/claim", body, CLAIM_SECONDS + _ANSWER_SPARE
        )
        if answer.status == http.client.OK:
            return self._take(answer.body)
        if answer.status != http.client.NO_CONTENT:
            raise UnreachableError(f"the claim was answered with HTTP {answer.status}")
        # A server that does not wait must not be asked in a circle.
        return stuck or time.monotonic() - asked < _QUICK_SECONDS

    def ask_anew(self) -> None:
        """End a waiting claim, which says what is not true any more; called from other threads."""
        self._line.interrupt()

    def interrupt(self) -> None:
        """End a waiting claim and the running jobs; called from another thread."""
        self._slots.interrupt()
        self._line.interrupt()

    def farewell(self) -> None:
        """Try once to report what is pending; the rest is reported after the next start."""
        self._slots.drain()
        self._line.close()
        self._line = Road(self._me, self._signpost)
        try:
            self._desk.deliver(lambda folder: deliver(self._line, folder))
        except UnreachableError as error:
            log.event("result.delayed", reason=str(error))
        self._line.close()

    def _take(self, offer: dict[str, object]) -> bool:
        payload = offer.get("payload")
        if not signing.is_signed_job(self._me.key, payload, offer.get("signature")):
            log.event("job.forged")
            return True
        server_time = offer.get("server_time")
        if isinstance(server_time, (int, float)) and not isinstance(server_time, bool):
            self._clock.set(server_time)
        try:
            raw = job.parse_payload(str(payload))
            ticket = job.parse_ticket(raw)
        except UnusableError as error:
            log.event("job.unusable", reason=str(error))
            return True
        return self._consider(raw, ticket)

    def _consider(self, raw: dict[str, object], ticket: Ticket) -> bool:
        mine = job.replace_agent(ticket, str(self._me.agent))
        try:
            self._admit(raw, ticket)
            order = job.parse_order(raw)
            self._slots.limits = job.parse_limits(raw) or self._slots.limits
        except RefusedError as error:
            return self._refuse(mine, str(error))
        self._slots.leave(mine.job)
        if self._slots.wait_for_room(tasks.lane(order.kind, order.inputs)):
            self._slots.start(mine, order)
        return False

    def _admit(self, raw: dict[str, object], ticket: Ticket) -> None:
        """Raise RefusedError unless this is new, in time and for this agent; remember it."""
        now = self._clock.now()
        expires, epoch = job.parse_expiry(raw), job.parse_epoch(raw)
        if ticket.agent != self._me.agent:
            raise RefusedError("The job names another agent.")
        if expires <= now:
            raise RefusedError("The job has expired.")
        if ticket.nonce in self._nonces:
            raise RefusedError("The job was offered before: its nonce is known.")
        if self._desk.holds(ticket):
            raise RefusedError("The job was offered before: a later attempt is known.")
        if epoch < self._epoch.latest:
            raise RefusedError("The job is from before the platform was restored from a copy.")
        self._epoch.remember(epoch)
        self._nonces.remember(ticket.nonce, expires, now)

    def _refuse(self, ticket: Ticket, reason: str) -> bool:
        log.event("job.refused", job=ticket.job, attempt=ticket.attempt, reason=reason)
        now = self._clock.now()
        if self._desk.holds(ticket):
            # What is kept of that attempt is the truth; this answer is not worth its loss.
            folder = JobFolder(self._kept.jobs / ticket.job / "refused", ticket, now)
            folder.sign(Ending("refused", None, reason), self._me.key, now)
            deliver(self._line, folder)
            return True
        folder = self._desk.open(ticket, now)
        folder.finish(Ending("refused", None, reason), self._me.key, now)
        self._desk.keep(folder)
        return False


def _load() -> float:
    """Return how busy the machine was in the last minute; a guest may not be told."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return 0.0


def _place(error: Exception) -> str:
    """Return where it happened; the message may hold what must not be logged."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
