"""Pure rules of webhooks: what there is to tell, how it is signed, when it is tried again."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

URL_LENGTH: Final = 1000
MOST: Final = 20
BACKLOG: Final = 1000
MISSES: Final = 5
OVERLAP_HOURS: Final = 24
KEPT_DAYS: Final = 14
ANSWER_LENGTH: Final = 1000
# Eight tries within four hours; a receiver that is away for a night has the log to look at.
_PAUSES: Final = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
_GONE: Final = 410
_VISIBLE: Final = re.compile(r"\A[!-~]+\Z")
TEST: Final = "webhook.test"


class Event(StrEnum):
    """What a webhook can be told."""

    DEPLOYMENT_LIVE = "deployment.live"
    DEPLOYMENT_FAILED = "deployment.failed"
    DEPLOYMENT_REMOVED = "deployment.removed"
    OPERATION_SUCCEEDED = "operation.succeeded"
    OPERATION_FAILED = "operation.failed"
    OPERATION_CANCELLED = "operation.cancelled"
    OPERATION_STUCK = "operation.stuck"
    JOB_DONE = "job.done"
    JOB_FAILED = "job.failed"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Paused(StrEnum):
    """Why nothing is sent; empty while something is."""

    NO = ""
    ASKED = "asked"
    FAILURES = "failures"
    GONE = "gone"
    BACKLOG = "backlog"


_ENDS: Final[Mapping[str, Event]] = {
    "succeeded": Event.OPERATION_SUCCEEDED,
    "failed": Event.OPERATION_FAILED,
    "cancelled": Event.OPERATION_CANCELLED,
}
_DEPLOYED: Final = frozenset({"deployment.deploy", "deployment.place"})
_REMOVED: Final = "deployment.remove"


def events_of(kind: str, state: str) -> list[Event]:
    """Return what the end of an operation is told as, the most special first."""
    told = [_ENDS.get(state, Event.OPERATION_STUCK)]
    if kind in _DEPLOYED:
        told.insert(0, Event.DEPLOYMENT_LIVE if state == "succeeded" else Event.DEPLOYMENT_FAILED)
    if kind == _REMOVED and state == "succeeded":
        told.insert(0, Event.DEPLOYMENT_REMOVED)
    return told


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every delivery says of itself."""

    id: str
    event: str
    at: datetime
    project_id: str
    project: str


def body(envelope: Envelope, about: Mapping[str, object]) -> str:
    """Return what is sent, exactly as it is signed."""
    told = {
        "id": envelope.id,
        "event": envelope.event,
        "at": envelope.at.isoformat(),
        "project": {"id": envelope.project_id, "name": envelope.project},
        **about,
    }
    return json.dumps(told, separators=(",", ":"))


def headers(
    envelope_id: str, event: str, body_sent: str, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Return what identifies and signs a delivery; an old secret signs too while it is good."""
    timestamp = str(int(now.timestamp()))
    marks = [f"v1={signature(secret, timestamp, body_sent)}" for secret in secrets]
    return {
        "content-type": "application/json",
        "stead-delivery": envelope_id,
        "stead-event": event,
        "stead-timestamp": timestamp,
        "stead-signature": ",".join(marks),
    }


def signature(secret: str, timestamp: str, body_sent: str) -> str:
    """Return the HMAC-SHA256 over ``TIMESTAMP.BODY`` in hexadecimal."""
    signed = f"{timestamp}.{body_sent}".encode()
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def pause_after(tries: int) -> float | None:
    """Return in how many seconds to try again after so many tries, or None to give up."""
    return _PAUSES[tries - 1] if tries <= len(_PAUSES) else None


def is_taken(status: int | None) -> bool:
    """Tell whether an answer says that the receiver has it."""
    return status is not None and 200 <= status < 300  # noqa: PLR2004  (what HTTP calls success)


def is_gone(status: int | None) -> bool:
    """Tell whether a receiver wants nothing more, for good."""
    return status == _GONE


def readable(raw: bytes) -> str:
    """Return the beginning of an answer as text that can be stored and shown."""
    text = raw[:ANSWER_LENGTH].decode(errors="replace")
    return "".join(
        one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def url_problem(url: str) -> str:
    """Return why this cannot be the address of a webhook, or nothing."""
    if len(url) > URL_LENGTH or not _VISIBLE.fullmatch(url):
        return f"Up to {URL_LENGTH} characters, without spaces and in ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "This is not an address"
    if parts.scheme != "https" or not host:
        return "It starts with https:// and names a host; what is sent is for its eyes alone"
    if parts.username is not None or parts.password is not None:
        return "Without a name and a password: the signature tells who sends it"
    return "Without #: a server never sees what follows it" if parts.fragment or port == 0 else ""
