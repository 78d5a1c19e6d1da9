"""Tells the control plane about a job: output while it runs, signs of life, and the result."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path

from stead_agent import log
from stead_agent.clock import Pauses
from stead_agent.desk import JobFolder
from stead_agent.job import Ticket
from stead_agent.output import Reader
from stead_agent.transport import Answer, Line, UnreachableError

BATCH_LINES = 2000
BATCH_BYTES = 256 * 1024
HEARTBEAT_SECONDS = 10.0
_COALESCE_SECONDS = 0.03
_STOP_SECONDS = 2.0
_REPLACED = (http.client.CONFLICT, http.client.GONE)


class ReplacedError(Exception):
    """Another attempt replaced this one: there is nothing more to say."""


class Feed:
    """Sends output.jsonl from where the control plane stopped listening."""

    def __init__(self, line: Line, ticket: Ticket, path: Path, *, first: int | None) -> None:
        self._line = line
        self._ticket = ticket
        self._reader = Reader(path)
        self._next = first
        self._refused = False
        self.full = False

    def step(self) -> tuple[bool, bool]:
        """Send some lines; return whether there may be more, and whether to cancel.

        Raises UnreachableError to be called again later, ReplacedError.
        """
        lines: list[dict[str, object]] = []
        if self._next is not None:
            lines = self._reader.lines(self._next, count=BATCH_LINES, size=BATCH_BYTES)
            if self._refused or not lines:
                return False, False
        body: dict[str, object] = {"attempt": self._ticket.attempt, "lines": lines}
        answer = _post(self._line, self._ticket, "log", body)
        if answer.status != http.client.OK:
            # Output that the control plane will never take must not keep the result from it.
            log.event("output.refused", job=self._ticket.job, status=answer.status)
            self._refused, self._next = True, 1
            return False, False
        self._next = self._progress(answer, lines)
        self.full = len(lines) == BATCH_LINES
        return True, answer.body.get("cancel") is True

    def _progress(self, answer: Answer, lines: list[dict[str, object]]) -> int:
        following = answer.body.get("next")
        if not isinstance(following, int) or isinstance(following, bool) or following < 1:
            raise UnreachableError("the answer does not say which line is next")
        if lines and following <= int(str(lines[0]["seq"])):
            raise UnreachableError("the control plane did not keep the output")
        return following


class Reporter:
    """A thread that sends output as it grows and a sign of life at an interval."""

    def __init__(
        self, line: Line, folder: JobFolder, grown: threading.Event, order: Callable[[str], None]
    ) -> None:
        self._line = line
        self._ticket = folder.ticket
        self._feed = Feed(line, folder.ticket, folder.output, first=1)
        self._grown = grown
        self._order = order
        self._ended = threading.Event()
        self._pauses = Pauses(self._ended)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, interval: float) -> None:
        """Begin to report."""
        self._interval = interval
        self._beaten = time.monotonic()
        self._thread.start()

    def stop(self) -> bool:
        """End soon; what was not sent is sent with the result. Tell whether the line is of use."""
        self._ended.set()
        self._grown.set()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            return True
        self._line.interrupt()
        self._thread.join(_STOP_SECONDS)
        self._line.close()
        return False

    def _run(self) -> None:
        while not self._ended.is_set():
            self._grown.wait(max(0.0, self._interval - (time.monotonic() - self._beaten)))
            self._grown.clear()
            try:
                self._report()
                self._pauses.reset()
            except UnreachableError as error:
                log.event("report.delayed", job=self._ticket.job, reason=str(error))
                self._grown.set()
                self._pauses.wait()
            except ReplacedError:
                self._order("replaced")
                return

    def _report(self) -> None:
        more = True
        while more:
            self._beat_when_due()
            more, cancel = self._feed.step()
            if cancel:
                self._order("cancel")
            # Many short lines at once cost one request, and nobody sees the difference.
            if more and not self._feed.full:
                self._ended.wait(_COALESCE_SECONDS)
            more = more and not self._ended.is_set()

    def _beat_when_due(self) -> None:
        if time.monotonic() - self._beaten < self._interval:
            return
        answer = _post(self._line, self._ticket, "heartbeat", {"attempt": self._ticket.attempt})
        self._beaten = time.monotonic()
        if answer.body.get("cancel") is True:
            self._order("cancel")


def deliver(line: Line, folder: JobFolder) -> None:
    """Send the rest of the output, then the result, until both were taken or refused for good.

    Raises UnreachableError to be called again; calling again is harmless.
    """
    result = folder.result()
    if result is None:
        return
    try:
        feed = Feed(line, folder.ticket, folder.output, first=None)
        while folder.output.exists() and feed.step()[0]:
            continue
        answer = _post(line, folder.ticket, "result", result)
    except ReplacedError:
        log.event("job.replaced", job=folder.ticket.job, attempt=folder.ticket.attempt)
        return
    log.event("result.told", job=folder.ticket.job, status=answer.status)


def _post(line: Line, ticket: Ticket, verb: str, body: dict[str, object]) -> Answer:
    answer = line.call("POST", f"/agent/v1/jobs/{ticket.job}/{verb}", body)
    if answer.status in _REPLACED:
        raise ReplacedError
    return answer
