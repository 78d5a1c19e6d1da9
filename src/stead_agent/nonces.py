"""Remembers the nonces of accepted jobs until they expire, across restarts."""

from __future__ import annotations

from pathlib import Path

from stead_agent import store

_SPARE_SECONDS = 300


class Nonces:
    """A nonce is remembered before its job is acted on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        raw = store.read(path) or {}
        self._expiries = {name: at for name, at in raw.items() if isinstance(at, (int, float))}

    def __contains__(self, nonce: str) -> bool:
        """Tell whether a job with this nonce was accepted before."""
        return nonce in self._expiries

    def remember(self, nonce: str, expires: float, now: float) -> None:
        """Write the nonce durably, and forget those that are refused as expired anyway."""
        fresh = {n: at for n, at in self._expiries.items() if at > now - _SPARE_SECONDS}
        self._expiries = {**fresh, nonce: expires}
        store.write(self._path, self._expiries)
