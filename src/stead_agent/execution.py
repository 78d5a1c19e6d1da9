"""Runs one accepted job from its package to its ending; each job has a thread of its own."""

from __future__ import annotations

import http.client
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stead_agent import (
    cgroups,
    facts,
    inputs,
    log,
    packages,
    placing,
    process,
    store,
    tasks,
    updating,
)
from stead_agent.clock import Pauses, ServerClock
from stead_agent.desk import Ending, JobFolder
from stead_agent.job import PACKAGE, Order, RefusedError
from stead_agent.output import Assembler, Spool
from stead_agent.redaction import Redactor
from stead_agent.transport import Line, UnreachableError

_T = TypeVar("_T")

PREPARE_SECONDS = 120
_TIMEOUT_CODE = 124
_REASONS = {
    1: "The script found an input that it cannot use (exit code 1).",
    2: "The installation failed (exit code 2); it may be tried again.",
    3: "The configuration failed (exit code 3); a person has to look at it.",
}


class Orders:
    """What reaches a running job from other threads: its exit, cancel, stop, replaced."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self.replaced = False
        self._urgent = threading.Event()
        self.urgent = ""

    def put(self, order: str, code: int = 0) -> None:
        """Give an order; the first one that ends the job counts."""
        if order == "replaced":
            self.replaced = True
        if order != "exit":
            self.urgent = self.urgent or order
        self._queue.put((order, code))

    def wait(self, seconds: float) -> tuple[str, int]:
        """Return the next order, or `timeout`."""
        try:
            return self._queue.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return "timeout", _TIMEOUT_CODE


class OrderedError(Exception):
    """The job was ended from outside before its script ran."""


@dataclass(frozen=True)
class Tools:
    """What an execution works with."""

    line: Line
    clock: ServerClock
    cache: Path
    grace: float
    stopping: threading.Event
    kept: store.Store
    patience: float
    files: threading.Lock


def execute(tools: Tools, folder: JobFolder, order: Order, orders: Orders, spool: Spool) -> Ending:
    """Run the job and return how it ended; what a job or a guest can cause is not raised."""
    run = _run_package if order.kind == PACKAGE else _run_task
    try:
        return run(tools, folder, order, orders, spool)
    except RefusedError as error:
        return Ending("refused", None, str(error))
    except OrderedError:
        return _ended_by(orders.urgent, order.timeout)
    except UnreachableError as error:
        return Ending("failed", None, f"The control plane did not hand out the files: {error}.")
    except OSError as error:
        return Ending("failed", None, f"The script could not be started: {error.strerror}.")


def _run_package(
    tools: Tools, folder: JobFolder, order: Order, orders: Orders, spool: Spool
) -> Ending:
    patience = _Patience(tools.stopping, orders)
    package = patience.get(lambda: _prepare(tools, folder, order))
    secrets = patience.get(lambda: _fetch_secrets(tools.line, folder, order, orders))
    variables, redactor = _variables(package, order, secrets)
    script = _start(folder, folder.package, [f"./{order.script}"], variables)
    out = Assembler(spool, "stdout", redactor)
    err = Assembler(spool, "stderr", redactor)
    script.release(out, err, lambda code: orders.put("exit", code))
    return _watch(script, orders, order.timeout, tools.grace)


def _run_task(
    tools: Tools, folder: JobFolder, order: Order, orders: Orders, spool: Spool
) -> Ending:
    """Do what a kind of job does that runs no package."""
    wrong = tasks.problems(order.kind, order.inputs)
    if wrong:
        listed = " ".join(f"{name[:64]}: {wrong[name]}" for name in sorted(wrong)[:10])
        raise RefusedError(f"The job cannot be done. {listed}")
    if order.kind == "file":
        return _put_file(tools, folder, order, orders, spool)
    if order.secrets:
        raise RefusedError("A job of this kind takes no secrets.")
    if order.kind == "update":
        return _update(tools, folder, order, orders, spool)
    if order.kind == "facts":
        for name, value in facts.collect().items():
            spool.append("stdout", f"{name}: {value}")
        return Ending("done", 0)
    return _run_command(tools, folder, order, orders, spool)


def _put_file(
    tools: Tools, folder: JobFolder, order: Order, orders: Orders, spool: Spool
) -> Ending:
    patience = _Patience(tools.stopping, orders)
    content = patience.get(lambda: _fetch_secrets(tools.line, folder, order, orders))
    values = tasks.completed(order.kind, order.inputs)
    try:
        spool.append("stdout", placing.place(values, content.get("content")))
    except OSError as error:
        return Ending("failed", None, f"The file cannot be put there: {error.strerror}.")
    return Ending("done", 0)


def _update(tools: Tools, folder: JobFolder, order: Order, orders: Orders, spool: Spool) -> Ending:
    """Replace the agent; returns only when there was nothing to do or it could not be."""
    values = tasks.completed(order.kind, order.inputs)
    if values["sha256"] == updating.own_digest():
        spool.append("agent", f"This agent is {values['version']} already.")
        return Ending("done", 0)
    patience = _Patience(tools.stopping, orders)
    try:
        draft = patience.get(lambda: updating.prepare(tools.line, values))
        spool.append("agent", f"Restarting as {values['version']}.")
        updating.switch(tools.kept, folder.ticket, draft, tools.patience)
    except OSError as error:
        return Ending("failed", None, f"The program cannot be replaced: {error}.")


def _run_command(
    tools: Tools, folder: JobFolder, order: Order, orders: Orders, spool: Spool
) -> Ending:
    if order.kind == "log" and order.inputs.get("file"):
        _require_log(str(order.inputs["file"]))
    command = tasks.command(order.kind, order.inputs)
    script = _start(folder, folder.path, command, {})
    plain = Redactor(())
    out, err = Assembler(spool, "stdout", plain), Assembler(spool, "stderr", plain)
    script.release(out, err, lambda code: orders.put("exit", code))
    ending = _watch(script, orders, order.timeout, tools.grace)
    code = ending.exit_code
    if ending.outcome != "failed" or code is None:
        return ending
    if tasks.is_answer(order.kind, order.inputs, code):
        return Ending("done", code)
    return Ending("failed", code, f"{command[0]} failed (exit code {code}).")


def _require_log(name: str) -> None:
    """Refuse a file that is no plain one below the folder of logs, wherever links lead."""
    path = Path(name)
    if not path.is_file() or tasks.LOGS.resolve() not in path.resolve().parents:
        raise RefusedError(f"{name[:200]} is not a file below {tasks.LOGS}.")


class _Patience:
    """Asks again while the control plane is away, but not for ever and not against an order."""

    def __init__(self, stopping: threading.Event, orders: Orders) -> None:
        self._pauses = Pauses(stopping)
        self._orders = orders
        self._deadline = time.monotonic() + PREPARE_SECONDS

    def get(self, step: Callable[[], _T]) -> _T:
        while not self._orders.urgent:
            try:
                found = step()
            except UnreachableError:
                if time.monotonic() > self._deadline:
                    raise
                self._pauses.wait()
            else:
                return found
        raise OrderedError


def _prepare(tools: Tools, folder: JobFolder, order: Order) -> packages.Package:
    # Two jobs may need the same archive, and the one may tidy up what the other has just fetched.
    with tools.files:
        archive = packages.fetch(tools.line, tools.cache, order.digest)
        packages.unpack(archive, folder.package)
    return packages.read_manifest(folder.package, order)


def _fetch_secrets(
    line: Line, folder: JobFolder, order: Order, orders: Orders
) -> dict[str, object]:
    if not order.secrets:
        return {}
    ticket = folder.ticket
    answer = line.call("GET", f"/agent/v1/jobs/{ticket.job}/secrets?attempt={ticket.attempt}")
    if answer.status == http.client.CONFLICT:
        orders.put("replaced")
        raise OrderedError
    if answer.status != http.client.OK:
        raise RefusedError(f"The secrets could not be fetched (HTTP {answer.status}).")
    if set(answer.body) != set(order.secrets):
        raise RefusedError("The control plane did not hand out the secrets that the job names.")
    return answer.body


def _variables(
    package: packages.Package, order: Order, secrets: dict[str, object]
) -> tuple[dict[str, str], Redactor]:
    if set(order.inputs) & set(secrets):
        raise RefusedError("The job gives an input twice: openly and as a secret.")
    values = {**order.inputs, **secrets}
    problems = inputs.check(package.inputs, values)
    if problems:
        listed = " ".join(f"{name[:64]}: {problems[name]}" for name in sorted(problems)[:10])
        raise RefusedError(f"Inputs are not right. {listed}")
    variables = inputs.environment(package.inputs, values)
    hidden = {str(one["name"]) for one in package.inputs if one.get("sensitive") is True}
    return variables, Redactor(variables[name.upper()] for name in hidden | set(secrets))


def _start(
    folder: JobFolder, place: Path, command: list[str], variables: dict[str, str]
) -> process.Script:
    ticket = folder.ticket
    group = f"stead-{ticket.job}-{ticket.attempt}"
    script = process.Script(place, command, variables, group)
    try:
        store.write(folder.process, script.session.record())
    except OSError:
        script.end(0)
        raise
    if script.session.group is None:
        log.event("cgroup.none", job=ticket.job)
    log.event("script.started", job=ticket.job, attempt=ticket.attempt, script=command[0])
    return script


def _watch(script: process.Script, orders: Orders, timeout: int, grace: float) -> Ending:
    what, code = orders.wait(timeout)
    if what == "exit":
        cgroups.remove(script.session.group)
        return _exited(code)
    if not script.end(grace):
        log.event("script.remains", pid=script.session.leader)
    cgroups.remove(script.session.group)
    return _ended_by(what, timeout)


def _exited(code: int) -> Ending:
    if code == 0:
        return Ending("done", 0)
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
        return Ending("failed", 128 - code, f"The script was ended by the signal {name}.")
    if code == _TIMEOUT_CODE:
        return Ending("timeout", code, "The script says that something in it took too long.")
    return Ending("failed", code, _REASONS.get(code, f"The script failed (exit code {code})."))


def _ended_by(order: str, timeout: int) -> Ending:
    if order == "timeout":
        reason = f"The script ran longer than {timeout} seconds and was ended."
        return Ending("timeout", _TIMEOUT_CODE, reason)
    if order == "stop":
        return Ending("interrupted", None, "The agent was stopped while the job ran.")
    return Ending("cancelled", None, "The job was cancelled.")
