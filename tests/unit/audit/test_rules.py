"""The text that a record's hash is of."""

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime

from stead.audit.rules import Record, digest

RECORD = Record(
    epoch=3,
    at=datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC),
    actor_id="u1",
    actor='Zoë "the" \\ one\n',
    address="::1",
    project_id="p1",
    action="thing.change",
    subject="thing:1",
    outcome="done",
    request_id="r1",
    detail={"size": 3, "name": "ä,b"},
    seq=17,
    previous="ab" * 32,
)


def test_the_hash_is_of_the_canonical_text_of_everything():
    content = asdict(RECORD) | {"at": "2026-01-02T03:04:05.000060+00:00"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest(RECORD) == hashlib.sha256(text.encode()).hexdigest()
