"""What a signed offer says, parsed; and the order in which an agent distrusts it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

TIMEOUT_LIMIT = 24 * 3600
PACKAGE = "package"
MOST_AT_ONCE = 16

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{8,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# Which of a package's files these may be is for its own manifest to say.
_SCRIPT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")


class RefusedError(Exception):
    """The job may not run; the message says why, for the person who started it."""


class UnusableError(Exception):
    """The offer does not even say which job it is, so it cannot be answered."""


@dataclass(frozen=True)
class Ticket:
    """Names one attempt at a job; all that an answer needs."""

    agent: str
    job: str
    attempt: int
    nonce: str

    @property
    def running(self) -> str:
        """Return how a claim lists it."""
        return f"{self.job}:{self.attempt}"


@dataclass(frozen=True)
class Limits:
    """How many jobs may run at once: those that change the machine, and those that look."""

    changing: int = 1
    quick: int = 2


@dataclass(frozen=True)
class Order:
    """What to run, with whose files and on what."""

    package_id: str
    package_version: str
    digest: str
    script: str
    inputs: dict[str, object]
    secrets: tuple[str, ...]
    timeout: int
    kind: str = PACKAGE

    def __repr__(self) -> str:
        """Leave the inputs out of tracebacks and logs."""
        return f"Order({self.package_id!r}, {self.script!r})"


def parse_payload(payload: str) -> dict[str, object]:
    """Return the object in a payload whose signature is right; raise UnusableError."""
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise UnusableError("the payload is not JSON") from error
    if not isinstance(raw, dict):
        raise UnusableError("the payload is not an object")
    return raw


def parse_ticket(raw: Mapping[str, object]) -> Ticket:
    """Return which attempt this is; raise UnusableError when it does not say."""
    agent, job, attempt, nonce = (raw.get(n) for n in ("agent", "job", "attempt", "nonce"))
    if not isinstance(job, str) or not _ID.fullmatch(job):
        raise UnusableError("the job has no usable id")
    if not isinstance(attempt, int) or isinstance(attempt, bool) or attempt < 1:
        raise UnusableError("the attempt is not a positive number")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise UnusableError("the nonce is missing or malformed")
    return Ticket(agent if isinstance(agent, str) else "", job, attempt, nonce)


def replace_agent(ticket: Ticket, agent: str) -> Ticket:
    """Return the ticket as this agent answers it, whomever it named."""
    return replace(ticket, agent=agent)


def parse_expiry(raw: Mapping[str, object]) -> float:
    """Return when the offer expires; raise RefusedError when it does not say."""
    expires = raw.get("expires")
    if isinstance(expires, bool) or not isinstance(expires, (int, float)):
        raise RefusedError("The job does not say when it expires.")
    return float(expires)


def parse_epoch(raw: Mapping[str, object]) -> int:
    """Return the platform's epoch in which the job was made; raise RefusedError."""
    epoch = raw.get("epoch", 0)
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        raise RefusedError("The job's epoch is not a number.")
    return epoch


def parse_limits(raw: Mapping[str, object]) -> Limits | None:
    """Return how many jobs may run at once, None when it is not said; raise RefusedError."""
    said = raw.get("limits")
    if said is None:
        return None
    numbers = [said.get(name) for name in ("changing", "quick")] if isinstance(said, dict) else []
    whole = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool)]
    if len(whole) != 2 or not all(1 <= n <= MOST_AT_ONCE for n in whole):  # noqa: PLR2004 - two lanes
        raise RefusedError("The job does not say how many may run at once.")
    return Limits(*whole)


def parse_order(raw: Mapping[str, object]) -> Order:
    """Return what to do; raise RefusedError for what is missing or malformed."""
    if raw.get("kind", PACKAGE) != PACKAGE:
        return _parse_task(raw)
    package = raw.get("package")
    package = package if isinstance(package, dict) else {}
    digest, script, timeout = (
        package.get("digest"),
        raw.get("script"),
        _timeout(raw.get("timeout")),
    )
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise RefusedError("The job does not name the digest of its package.")
    if not isinstance(script, str) or not _SCRIPT.fullmatch(script):
        raise RefusedError("The job names a script that no package may have.")
    return Order(
        package_id=str(package.get("id")),
        package_version=str(package.get("version")),
        digest=digest,
        script=script,
        inputs=_inputs(raw.get("inputs")),
        secrets=_secrets(raw.get("secrets")),
        timeout=timeout,
    )


def _parse_task(raw: Mapping[str, object]) -> Order:
    """Return a job that runs no package's script; what it may do is decided by its kind."""
    return Order(
        package_id="",
        package_version="",
        digest="",
        script="",
        inputs=_inputs(raw.get("arguments")),
        secrets=_secrets(raw.get("secrets")),
        timeout=_timeout(raw.get("timeout")),
        kind=str(raw.get("kind"))[:40],
    )


def _timeout(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise RefusedError("The job has no timeout.")
    if not 1 <= raw <= TIMEOUT_LIMIT:
        raise RefusedError(f"The job's timeout is not between 1 and {TIMEOUT_LIMIT} seconds.")
    return raw


def _inputs(raw: object) -> dict[str, object]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise RefusedError("The job's inputs are not an object.")
    return raw


def _secrets(raw: object) -> tuple[str, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
        raise RefusedError("The job's secrets are not a list of names.")
    return tuple(raw)
