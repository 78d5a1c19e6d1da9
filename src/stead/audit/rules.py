"""How records are bound to each other: canonical text, hash of it and of the one before."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

START: Final = "0" * 64
LIMITS: Final = {"actor": 120, "address": 60, "action": 80, "subject": 200, "outcome": 20}


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is written down; ``previous`` is the hash of the one before."""

    seq: int
    epoch: int
    at: datetime
    actor_id: str
    actor: str
    address: str
    project_id: str
    action: str
    subject: str
    outcome: str
    request_id: str
    detail: dict[str, str | int]
    previous: str


def digest(record: Record) -> str:
    """Return the hash that binds everything in a record, its place included."""
    content = asdict(record) | {"at": record.at.isoformat(timespec="microseconds")}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cut(name: str, text: str) -> str:
    """Return a text as it fits its column, without what no database takes."""
    plain = text.encode(errors="replace").decode().replace("\0", "?")
    return plain[: LIMITS[name]]
