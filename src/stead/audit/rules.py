"""How records are bound to each other: canonical text, hash of it and of the one before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, NamedTuple

START: Final = "0" * 64
# What a record learns last.
PLACE: Final = ("previous", "seq")
LIMITS: Final = {"actor": 120, "address": 60, "action": 80, "subject": 200, "outcome": 20}


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is written down; ``previous`` is the hash of the one before.

    Its place, which is its number and that hash, it gets last.
    """

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
    seq: int = 0
    previous: str = START


class Around(NamedTuple):
    """What stands around the two things that a record learns last, in the text that is hashed.

    Between ``before`` and ``between`` is the hash of the one before, then comes its own number.
    """

    before: str
    between: str
    after: str


def around(record: Record) -> Around:
    """Return the text of a record without its place in the chain."""
    content = asdict(record) | {"at": record.at.isoformat(timespec="microseconds")}
    items = sorted(content.items())
    one, other = (sorted(content).index(name) for name in PLACE)
    parts = items[:one], items[one + 1 : other], items[other + 1 :]
    first, second, last = (_text(dict(part)) for part in parts)
    return Around(f'{{{first},"previous":"', f'",{second},"seq":', f",{last}}}")


def digest(record: Record) -> str:
    """Return the hash that binds everything in a record, its place included."""
    text = around(record)
    previous = json.dumps(record.previous, ensure_ascii=False)[1:-1]
    whole = f"{text.before}{previous}{text.between}{record.seq}{text.after}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _text(content: Mapping[str, object]) -> str:
    """Return some of the canonical text, without the braces around it."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)[1:-1]


def cut(name: str, text: str) -> str:
    """Return a text as it fits its column, without what no database takes."""
    plain = text.encode(errors="replace").decode().replace("\0", "?")
    return plain[: LIMITS[name]]
