"""Canonical JSON and the signatures of the protocol; keys and signatures are hex."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets


def new_key() -> str:
    """Make a 256-bit key."""
    return secrets.token_hex(32)


def new_nonce() -> str:
    """Make a nonce for one request."""
    return secrets.token_hex(16)


def canonical(value: object) -> str:
    """Return the one JSON text of a value: keys sorted, no blanks, no ASCII escaping."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def request_signature(
    key: str, request: tuple[str, str], sender: tuple[str, ...], body: bytes
) -> str:
    """Sign a request: (method, path with query), (agent, nonce, time) and the body."""
    digest = hashlib.sha256(body).hexdigest()
    return _sign(key, "\n".join(("stead-request-v1", *request, *sender, digest)))


def result_signature(key: str, payload: str) -> str:
    """Sign the canonical JSON of a result."""
    return _sign(key, f"stead-result-v1\n{payload}")


def answer_signature(key: str, nonce: str, status: int, body: bytes) -> str:
    """Sign an answer that a Redis carries, as the control plane does."""
    return _sign(key, f"stead-answer-v1\n{nonce}\n{status}\n{hashlib.sha256(body).hexdigest()}")


def redis_password(key: str, agent: str) -> str:
    """Return what this agent signs in to a Redis with; both sides know it, nobody sends it."""
    return _sign(key, f"stead-redis-v1\n{agent}")


def is_same(expected: str, given: object) -> bool:
    """Tell whether a signature is the expected one, in constant time; nonsense is not."""
    text = given if isinstance(given, str) else ""
    return hmac.compare_digest(expected.encode(), text.encode(errors="replace"))


def job_signature(key: str, payload: str) -> str:
    """Sign the canonical JSON of a job, as the control plane does."""
    return _sign(key, f"stead-job-v1\n{payload}")


def is_signed_job(key: str, payload: object, signature: object) -> bool:
    """Tell whether an offered job was signed with this agent's key; nonsense is not."""
    if not isinstance(payload, str) or not isinstance(signature, str):
        return False
    try:
        expected = job_signature(key, payload)
    except UnicodeEncodeError:
        return False
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def _sign(key: str, text: str) -> str:
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()
