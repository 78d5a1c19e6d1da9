"""Identifiers and tokens: time-ordered ids for rows, random tokens for secrets."""

import hashlib
import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """Return a 26-character id that sorts by the moment it was made.

    48 bits of milliseconds and 80 random bits. Ids made by one process in the same
    millisecond still sort in the order in which they were asked for.
    """
    global _last  # noqa: PLW0603  (the order within a millisecond is process-wide state)
    fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    with _lock:
        _last = fresh if fresh > _last else _last + 1
        value = _last
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def new_token(prefix: str) -> str:
    """Return a secret of 256 random bits that names its kind, such as ``stt_…``."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """Return the form in which a random token is stored; not meant for passwords."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_password(length: int = 24) -> str:
    """Return a random password of letters and digits."""
    letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(secrets.choice(letters) for _ in range(length))


def new_key() -> bytes:
    """Return 256 random bits for a symmetric key."""
    return secrets.token_bytes(32)


def new_code() -> str:
    """Return a secret of 80 random bits that people can write down: four groups of four."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def equal(one: str, other: str) -> bool:
    """Compare secrets in a time that does not tell how much of them is the same."""
    return secrets.compare_digest(one.encode(), other.encode())
