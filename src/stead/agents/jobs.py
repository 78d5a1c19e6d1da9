"""Use cases of jobs: ask for one, hand it out signed, take its output and result."""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from pydantic import ValidationError

from stead.agents import repository, rules, service
from stead.agents.errors import AgentRefusedError, JobGoneError
from stead.agents.models import JobRow
from stead.agents.rules import HeldJob, OpenJob
from stead.agents.schemas import ClaimOut, Line, ResultPayload, SignedIn
from stead.core import durable, epoch, telemetry
from stead.core.db import Uow
from stead.core.durable import Json
from stead.core.vault import Vault
from stead.kit import clock, ids
from stead.kit.secrets import Secret
from stead_agent import tasks

# Attempts, by job and number, that an agent was given and says it does not hold.
Lost = Collection[tuple[str, int]]
LEASE_SECONDS: Final = 40.0
ACCEPT_SECONDS: Final = 120.0
PACKAGE: Final = "package"
_OTHER_EPOCH: Final = "The platform was restored from a copy; work from before it ended"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a workflow wants an agent to run."""

    key: str
    instance_id: str
    operation_id: str
    step: str
    package_id: str
    package_version: str
    package_digest: str
    script: str
    inputs: dict[str, str | int | bool]
    secret_owner: str
    secret_names: tuple[str, ...]
    limit_seconds: int
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What a workflow wants an agent to do besides running a package's script."""

    key: str
    instance_id: str
    operation_id: str
    step: str
    kind: str
    arguments: Mapping[str, str | int | bool]
    limit_seconds: int
    requested_by: str = ""
    secret_owner: str = ""
    secret_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended."""

    outcome: str
    exit_code: int | None
    reason: str

    @property
    def succeeded(self) -> bool:
        """Tell whether the script ran and exited with 0."""
        return self.outcome == "done"

    @property
    def needs_person(self) -> bool:
        """Tell whether a package's script said that a person has to look at it."""
        return self.outcome == "failed" and self.exit_code == rules.NEEDS_PERSON


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A fact: a job has come to its end, and will not be tried again."""

    job_id: str
    operation_id: str
    step: str
    outcome: str
    exit_code: int | None


def result_topic(job_id: str) -> str:
    """Return the bus topic of a job's end."""
    return f"job:{job_id}"


async def ensure_job(uow: Uow, request: JobRequest) -> str:
    """Queue a job unless one of this key exists; return its id."""
    row = await repository.find_job_by_key(uow, request.key)
    if row is None:
        row = JobRow(
            id=ids.new_id(),
            key=request.key,
            instance_id=request.instance_id,
            operation_id=request.operation_id,
            step=request.step,
            package_id=request.package_id,
            package_version=request.package_version,
            package_digest=request.package_digest,
            script=request.script,
            inputs=request.inputs,
            secret_owner=request.secret_owner,
            secret_names=list(request.secret_names),
            limit_seconds=request.limit_seconds,
            requested_by=request.requested_by,
        )
        await _queue(uow, row)
    uow.wake(service.queue_topic(request.instance_id))
    return row.id


async def ensure_task(uow: Uow, request: TaskRequest) -> str:
    """Queue a job that runs no package, unless one of this key exists; return its id."""
    row = await repository.find_job_by_key(uow, request.key)
    if row is None:
        row = JobRow(
            id=ids.new_id(),
            key=request.key,
            instance_id=request.instance_id,
            operation_id=request.operation_id,
            step=request.step,
            package_id="",
            package_version="",
            package_digest="",
            script="",
            inputs={},
            kind=request.kind,
            arguments=dict(request.arguments),
            secret_owner=request.secret_owner,
            secret_names=list(request.secret_names),
            limit_seconds=request.limit_seconds,
            requested_by=request.requested_by,
        )
        await _queue(uow, row)
    uow.wake(service.queue_topic(request.instance_id))
    return row.id


async def _queue(uow: Uow, row: JobRow) -> None:
    row.lane = tasks.lane(row.kind or PACKAGE, row.arguments or {})
    row.state, row.attempt, row.failures = "queued", 0, 0
    row.trace = telemetry.carried()
    row.epoch = await epoch.current(uow)
    row.created_at = clock.utc_now()
    uow.session.add(row)
    await uow.session.flush()


async def find_result(uow: Uow, job_id: str) -> JobResult | None:
    """Return how a job ended, or None while it has not."""
    found = await repository.find_result(uow, job_id)
    return None if found is None else JobResult(*found)


async def cancel_job(uow: Uow, key: str) -> None:
    """Ask for a job to be stopped; none of this key is fine."""
    row = await repository.find_job_by_key(uow, key)
    if row is not None and row.state != "ended":
        row.cancel_requested = True
        if row.state == "queued":
            _end(uow, row, "cancelled", None, "Cancelled before it started")


async def outlook(
    uow: Uow, instance_id: str, running: list[str], gone: Lost | None
) -> tuple[Lost, float | None]:
    """Return what an agent has lost, and in how many seconds a claim will find something.

    At most 0 is now, None never. ``gone`` is what this said before; what runs was true when the
    agent asked, and by now a newer poll may have got a job.
    """
    limits, now, found = await repository.look(uow, instance_id)
    if gone is None:
        gone = rules.lost(found, {entry.split(":")[0] for entry in running})
    return gone, rules.choose(found, gone, limits, now)[1]


async def claim(
    uow: Uow, agent_id: str, key: bytes, instance_id: str, gone: Lost
) -> ClaimOut | None:
    """Hand out the next job for which there is room, signed with the key; None for none.

    What its agent has lost is handed out again, as another attempt.
    """
    limits, now, found = await repository.look(uow, instance_id)
    chosen, _ = rules.choose(found, gone, limits, now)
    open_job = next((one for one in found if one.id == chosen), None)
    if open_job is None:
        return None
    values = {
        "state": "claimed",
        "attempt": open_job.attempt + 1,
        "nonce": secrets.token_hex(16),
        "lease_until": now + LEASE_SECONDS,
        "last_seq": 0,
    }
    row = await repository.take_job(uow, open_job, values)
    if row is None:
        await _give_up(uow, open_job)
        return None
    payload = rules.canonical(
        {
            "agent": agent_id,
            "job": row.id,
            "attempt": row.attempt,
            "nonce": row.nonce,
            "expires": int(now + ACCEPT_SECONDS),
            "epoch": row.epoch,
            "secrets": row.secret_names,
            "timeout": row.limit_seconds,
            "limits": asdict(limits),
            **_work(row),
        }
    )
    return ClaimOut(
        server_time=now, payload=payload, signature=rules.sign(key, rules.JOB, payload)
    )


async def _give_up(uow: Uow, seen: OpenJob) -> None:
    """End a job that is not to be handed out any more, unless another poll was quicker."""
    row = await repository.find_job(uow, seen.id)
    if row is None or (row.state, row.attempt) != (seen.state, seen.attempt):
        return
    if row.cancel_requested:
        _end(uow, row, "cancelled", None, "The agent lost this job, and it was not wanted")
    elif row.attempt >= rules.MAX_ATTEMPTS:
        _end(uow, row, "failed", None, "The agent lost this job too often")


def _work(row: JobRow) -> dict[str, object]:
    """Return the part of the payload that says what to do."""
    if row.kind != PACKAGE:
        return {"kind": row.kind, "arguments": row.arguments}
    package = {"id": row.package_id, "version": row.package_version, "digest": row.package_digest}
    return {"package": package, "script": row.script, "inputs": row.inputs}


async def secrets_for(
    uow: Uow, vault: Vault, instance_id: str, job_id: str, attempt: int
) -> dict[str, Secret]:
    """Return the secret inputs of a job while this attempt holds it."""
    _check(await repository.find_held(uow, job_id), instance_id, attempt)
    row = await repository.find_job(uow, job_id)
    if row is None:
        return {}
    everything = await vault.all_of(uow, row.secret_owner)
    return {name: everything[name] for name in row.secret_names if name in everything}


async def may_fetch(uow: Uow, instance_id: str, digest: str) -> bool:
    """Tell whether an instance has an open job with this package."""
    row = await repository.find_job_with_package(uow, instance_id, digest)
    return row is not None


async def record_log(
    uow: Uow, instance_id: str, job_id: str, attempt: int, lines: list[Line]
) -> tuple[int, bool]:
    """Take new lines into the operation's events; return the next number and cancel."""
    held = _check(await repository.hold(uow, job_id), instance_id, attempt)
    fresh = sorted((line for line in lines if line.seq > held.last_seq), key=lambda x: x.seq)
    last = fresh[-1].seq if fresh else held.last_seq
    if fresh:
        facts = [_fact(line) for line in fresh]
        await durable.append_events(uow, held.operation_id, facts, held.step)
    await repository.prolong(uow, job_id, last, LEASE_SECONDS)
    return last + 1, held.cancel_requested


async def beat(uow: Uow, instance_id: str, job_id: str, attempt: int) -> bool:
    """Prolong an attempt; return whether it should stop."""
    held = _check(await repository.hold(uow, job_id), instance_id, attempt)
    await repository.prolong(uow, job_id, held.last_seq, LEASE_SECONDS)
    return held.cancel_requested


async def record_result(
    uow: Uow, key: bytes, instance_id: str, job_id: str, signed: SignedIn
) -> None:
    """Take a result that was signed with the key, once; the same again is fine."""
    if not rules.is_signed(key, rules.RESULT, signed.payload, signed.signature):
        raise AgentRefusedError("The result's signature is wrong")
    try:
        result = ResultPayload.model_validate(json.loads(signed.payload))
    except (ValueError, ValidationError) as error:
        raise JobGoneError("The result cannot be read") from error
    row = await repository.find_job(uow, job_id)
    if row is None or row.instance_id != instance_id or result.job != job_id:
        raise JobGoneError("There is no such job for this agent")
    if row.epoch != await epoch.current(uow):
        raise JobGoneError(_OTHER_EPOCH)
    if row.state == "ended":
        return
    if result.attempt != row.attempt or result.nonce != row.nonce:
        raise JobGoneError("Another attempt replaced this one")
    if row.state == "claimed":  # else it was taken before, and led to another attempt
        await _settle(uow, row, result)


async def _settle(uow: Uow, row: JobRow, result: ResultPayload) -> None:
    if row.cancel_requested:
        _end(uow, row, "cancelled", result.exit_code, result.reason)
    elif result.outcome == "interrupted":
        _requeue(uow, row)
    elif rules.may_try_again(row.kind, result.outcome, result.exit_code):
        row.failures += 1
        pause = rules.retry_pause(row.failures)
        if pause is None:
            _end(uow, row, result.outcome, result.exit_code, result.reason)
            return
        row.not_before = await repository.database_time(uow) + pause
        note: dict[str, Json] = {"attempt": row.failures, "pause_seconds": pause}
        await durable.append_event(uow, row.operation_id, "retry", note, row.step)
        _requeue(uow, row)
    else:
        _end(uow, row, result.outcome, result.exit_code, result.reason)


def _requeue(uow: Uow, row: JobRow) -> None:
    row.state = "queued"
    uow.wake(service.queue_topic(row.instance_id))


def _end(uow: Uow, row: JobRow, outcome: str, code: int | None, reason: str) -> None:
    row.state = "ended"
    row.outcome = outcome
    row.exit_code = code
    row.reason = reason
    row.finished_at = clock.utc_now()
    times = row.created_at, row.finished_at
    what = row.kind if row.kind != PACKAGE else row.script
    telemetry.record(f"job {what}", row.trace, times, job=row.id, outcome=outcome)
    seconds = (times[1] - times[0]).total_seconds()
    telemetry.measure("stead.job.duration", seconds, what=row.kind, outcome=outcome)
    uow.wake(result_topic(row.id))
    # There is room for another.
    uow.wake(service.queue_topic(row.instance_id))
    uow.tell(JobEnded(row.id, row.operation_id, row.step, outcome, code))


def _check(held: HeldJob | None, instance_id: str, attempt: int) -> HeldJob:
    """Return the job if this attempt of this machine holds it. Raises JobGoneError."""
    if held is None or held.instance_id != instance_id:
        raise JobGoneError("There is no such job for this agent")
    if not held.is_present:
        raise JobGoneError(_OTHER_EPOCH)
    if held.state != "claimed" or held.attempt != attempt:
        raise JobGoneError("Another attempt replaced this one")
    return held


def _fact(line: Line) -> tuple[str, dict[str, Json]]:
    found = rules.progress(line.text)
    if found is not None and line.stream == "stdout":
        return "progress", {"percent": found[0], "text": found[1]}
    return "log", {"stream": line.stream, "text": line.text}
