"""Canonical JSON and signatures, held to vectors that the control plane checks too."""

import json
from pathlib import Path
from typing import Any

import pytest

from stead_agent import signing

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "signatures.json").read_text(encoding="utf-8")
)
KEY: str = VECTORS["key"]


@pytest.mark.parametrize("case", VECTORS["canonical"], ids=lambda case: case["text"][:30])
def test_canonical_text_is_the_vectors(case: dict[str, Any]):
    assert signing.canonical(case["value"]) == case["text"]


@pytest.mark.parametrize("case", VECTORS["requests"], ids=lambda case: case["target"])
def test_request_signature_is_the_vectors(case: dict[str, str]):
    request, sender = (case["method"], case["target"]), (case["agent"], case["nonce"])
    body = case["body"].encode()
    assert signing.request_signature(KEY, request, sender, body) == case["signature"]


def test_job_and_result_signatures_are_the_vectors():
    job, result = VECTORS["job"], VECTORS["result"]
    assert signing.job_signature(KEY, job["payload"]) == job["signature"]
    assert signing.result_signature(KEY, result["payload"]) == result["signature"]


def test_signed_job_is_recognised_and_everything_else_is_not():
    payload, signature = VECTORS["job"]["payload"], VECTORS["job"]["signature"]
    assert signing.is_signed_job(KEY, payload, signature)
    wrong: list[tuple[object, object]] = [
        (payload + " ", signature),
        (payload, signature[:-1] + "0"),
        (payload, signature.upper()),
        (payload, VECTORS["result"]["signature"]),
        (VECTORS["result"]["payload"], VECTORS["result"]["signature"]),
        (payload, "é"),
        (payload, None),
        (json.loads(payload), signature),
        ("\ud800", signature),
    ]
    assert [case for case in wrong if signing.is_signed_job(KEY, *case)] == []
    assert not signing.is_signed_job(signing.new_key(), payload, signature)


def test_numbers_that_json_does_not_know_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        signing.canonical(float("nan"))


def test_keys_and_nonces_are_fresh():
    assert len({signing.new_key() for _ in range(50)}) == 50
    assert {len(signing.new_key()), len(signing.new_nonce())} == {64, 32}
