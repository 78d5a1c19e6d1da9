"""The wire's rules, held to the vectors that agents are held to."""

import json
from pathlib import Path
from typing import Any

import pytest

from stead.agents import rules

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "signatures.json").read_text(encoding="utf-8")
)
KEY = bytes.fromhex(VECTORS["key"])


@pytest.mark.parametrize("case", VECTORS["canonical"], ids=lambda case: case["text"][:30])
def test_canonical_text_is_the_vectors(case: dict[str, Any]):
    assert rules.canonical(case["value"]) == case["text"]


@pytest.mark.parametrize("case", VECTORS["requests"], ids=lambda case: case["target"])
def test_request_signature_is_the_vectors(case: dict[str, str]):
    sender = (case["agent"], case["nonce"])
    text = rules.request_text((case["method"], case["target"]), sender, case["body"].encode())
    assert rules.sign(KEY, rules.REQUEST, text) == case["signature"]


@pytest.mark.parametrize(("what", "label"), [("job", rules.JOB), ("result", rules.RESULT)])
def test_job_and_result_signatures_are_the_vectors(what: str, label: str):
    payload, signature = VECTORS[what]["payload"], VECTORS[what]["signature"]
    assert rules.sign(KEY, label, payload) == signature
    assert rules.is_signed(KEY, label, payload, signature)
    others = {rules.REQUEST, rules.JOB, rules.RESULT} - {label}
    assert not any(rules.is_signed(KEY, other, payload, signature) for other in others)
    for wrong in ("", "é", signature.upper(), signature[:-1]):
        assert not rules.is_signed(KEY, label, payload, wrong)


def test_installations_are_tried_three_times():
    assert [rules.retry_pause(n) for n in (1, 2, 3, 4)] == [10, 20, None, None]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("::progress 0 start", (0, "start")),
        ("::progress 100", (100, "")),
        ("::progress 250 much", (100, "much")),
        ("::progress", None),
        ("::progress -1 x", None),
        ("::progress 1000 x", None),
        (" ::progress 1 x", None),
        ("::progress 1 " + "x" * 201, None),
        ("::progress 5 a\nb", None),
    ],
)
def test_progress_lines(line: str, found: tuple[int, str] | None):
    assert rules.progress(line) == found


@pytest.mark.parametrize(
    ("told", "timely"),
    [("1000", True), ("700", True), ("1300", True), ("699", False), ("1301", False)]
    + [(nonsense, False) for nonsense in ("", "x", "-1000", "1e3", "٣", "1000.0")],
)
def test_a_request_is_from_now_or_refused(told: str, timely: object):
    assert rules.is_timely(told, 1000.0) is timely
