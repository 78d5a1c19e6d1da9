"""Replaces the values of secret inputs in output, also where a shell or a URL rewrote them."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "••••••".encode()
_VARIANT_MINIMUM = 4  # a rewritten form of less would mask ordinary text


class Redactor:
    """Knows the secrets of one job and how they look when a program prints them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._needles = sorted(form.encode() for form in forms if form)
        self.longest = max((len(needle) for needle in self._needles), default=0)

    def redact(self, raw: bytes, limit: int) -> tuple[bytes, int]:
        """Return the text that begins before limit with its secrets masked, and how far it read.

        A secret that begins before the limit is masked whole even if it ends after it.
        """
        parts, at = [], 0
        for start, end in self._spans(raw, limit):
            parts += [raw[at:start], MASK]
            at = end
        stop = max(at, min(limit, len(raw)))
        parts.append(raw[at:stop])
        return b"".join(parts), stop

    def _spans(self, raw: bytes, limit: int) -> list[tuple[int, int]]:
        merged: list[tuple[int, int]] = []
        for start, end in sorted(self._occurrences(raw, limit)):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return merged

    def _occurrences(self, raw: bytes, limit: int) -> Iterable[tuple[int, int]]:
        for needle in self._needles:
            start = raw.find(needle)
            while 0 <= start < limit:
                yield start, start + len(needle)
                start = raw.find(needle, start + 1)


def _forms(secret: str) -> Iterable[str]:
    yield secret
    if len(secret) < _VARIANT_MINIMUM:
        return
    yield shlex.quote(secret).strip("'")
    yield secret.replace("'", "'\\''")  # how a shell's trace prints it
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield base64.b64encode(secret.encode()).decode()
