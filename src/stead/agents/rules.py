"""Pure rules of the wire: canonical JSON, signatures, retries, progress lines."""

import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stead_agent import tasks

REQUEST: Final = "stead-request-v1"
JOB: Final = "stead-job-v1"
RESULT: Final = "stead-result-v1"
ANSWER: Final = "stead-answer-v1"
INSTALL_FAILED: Final = 2
NEEDS_PERSON: Final = 3
MAX_FAILURES: Final = 3
TIMELY_SECONDS: Final = 300
MAX_ATTEMPTS: Final = 10
_PROGRESS = re.compile(r"\A::progress (\d{1,3})(?: (.{0,200}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs an agent may run at once: those that change its machine, those that look."""

    changing: int = 1
    quick: int = 2


@dataclass(frozen=True, slots=True)
class JobsWanted:
    """Which jobs somebody asks for: those before (or after) a place, in the order of their ids."""

    limit: int
    user: str | None = None
    app: str | None = None
    kind: str | None = None
    states: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    place: str = ""
    descending: bool = True


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that waits or that an agent holds, as far as it matters for what comes next."""

    id: str
    attempt: int
    lane: str
    claimed: bool
    not_before: float
    offered: bool

    @property
    def state(self) -> str:
        """Return what its row says."""
        return "claimed" if self.claimed else "queued"


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job as far as it matters for what its agent reports; one of another epoch has ended."""

    instance_id: str
    operation_id: str
    step: str
    state: str
    attempt: int
    last_seq: int
    cancel_requested: bool
    is_present: bool


def lost(jobs: Iterable[OpenJob], running: Collection[str]) -> frozenset[tuple[str, int]]:
    """Return the attempts that were handed out and that the agent says it does not run."""
    return frozenset(
        (one.id, one.attempt) for one in jobs if one.claimed and one.id not in running
    )


def choose(
    jobs: Sequence[OpenJob], gone: Collection[tuple[str, int]], limits: Limits, now: float
) -> tuple[str | None, float | None]:
    """Return the job to hand out now, else in how many seconds there is one to look at.

    Jobs are given in the order in which they were asked for. One that has to be alone lets
    nothing pass that came later, or it would wait for ever.
    """
    held = [one for one in jobs if one.claimed and (one.id, one.attempt) not in gone]
    lanes = Counter(one.lane for one in held)
    soonest: float | None = None
    for one in jobs:
        if one in held or not one.offered:
            continue
        if not _fits(one.lane, lanes, limits):
            if one.lane == tasks.ALONE:
                break
            continue
        if one.not_before <= now:
            return one.id, 0.0
        soonest = min(one.not_before - now, soonest or float("inf"))
    return None, soonest


def _fits(lane: str, lanes: Mapping[str, int], limits: Limits) -> bool:
    if tasks.ALONE in (lane, *lanes):
        return not lanes
    most = limits.quick if lane == tasks.QUICK else limits.changing
    return lanes.get(lane, 0) < most


def canonical(value: Mapping[str, object]) -> str:
    """Return the one JSON text of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sign(key: bytes, label: str, text: str) -> str:
    """Return the hex HMAC-SHA256 of a labelled text."""
    return hmac.new(key, f"{label}\n{text}".encode(), hashlib.sha256).hexdigest()


def request_text(request: tuple[str, str], sender: Sequence[str], body: bytes) -> str:
    """Return what an agent signs: (method, target), (agent, nonce, time) and the body."""
    return "\n".join((*request, *sender, hashlib.sha256(body).hexdigest()))


def answer_text(nonce: str, status: int, body: str) -> str:
    """Return what is signed of an answer that a Redis carries."""
    return f"{nonce}\n{status}\n{hashlib.sha256(body.encode()).hexdigest()}"


def is_timely(told: str, now: float) -> bool:
    """Tell whether a request was signed about now."""
    return told.isascii() and told.isdigit() and abs(int(told) - now) <= TIMELY_SECONDS


def is_signed(key: bytes, label: str, text: str, signature: str) -> bool:
    """Tell whether the signature is right, in constant time."""
    return hmac.compare_digest(sign(key, label, text).encode(), signature.encode())


def may_try_again(kind: str, outcome: str, exit_code: int | None) -> bool:
    """Tell whether this is an installation that failed in a passing way."""
    return kind == "package" and outcome == "failed" and exit_code == INSTALL_FAILED


def retry_pause(failures: int) -> float | None:
    """Return the seconds before an installation is tried again, or None to give up."""
    return 10.0 * 2 ** (failures - 1) if failures < MAX_FAILURES else None


def progress(line: str) -> tuple[int, str] | None:
    """Return percent and text of a progress line."""
    match = _PROGRESS.match(line)
    return (min(int(match[1]), 100), match[2] or "") if match else None
