"""Secrets in output: masked whole wherever they stand and however a shell wrote them."""

import base64
import json
from urllib.parse import quote

import pytest

from stead_agent.redaction import MASK, Redactor

SECRET = "p'ä ss$word/1"


def masked(text: str, *secrets: str, limit: int = 8192) -> str:
    return Redactor(secrets).redact(text.encode(), limit)[0].decode()


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        "'p'\\''ä ss$word/1'",
        quote(SECRET, safe=""),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_rewritten_secret_is_masked(form: str):
    found = masked(f"before {form} after", SECRET)
    assert MASK.decode() in found
    assert "ss" not in found
    assert found.startswith("before ")
    assert found.endswith(" after")


def test_overlapping_secrets_leave_nothing_over():
    assert masked("xabcdey", "abc", "cde") == f"x{MASK.decode()}y"
    assert masked("aaaa", "aaa") == MASK.decode()


def test_longer_secret_wins_over_its_beginning():
    assert masked("pass password", "pass", "password") == f"{MASK.decode()} {MASK.decode()}"


def test_secret_across_the_limit_is_masked_whole():
    text, stop = Redactor(["secret"]).redact(b"12345678secret-tail", 10)
    assert (text, stop) == (b"12345678" + MASK, 14)


def test_empty_secret_masks_nothing():
    assert masked("text", "") == "text"
    assert Redactor([]).longest == 0


def test_short_secret_is_masked_only_as_it_is():
    assert masked("7 NzA", "7") == f"{MASK.decode()} NzA"
