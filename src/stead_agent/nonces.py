"""Remembers, across restarts, the nonces of accepted jobs until they expire and the epoch."""

from __future__ import annotations

from pathlib import Path

from stead_agent import store

_SPARE_SECONDS = 300


class Epoch:
    """The latest epoch of the platform that this guest has worked for.

    A platform that was restored from a copy begins a new one; the one that it replaced may
    still run somewhere, and its jobs are refused.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        latest = (store.read(path) or {}).get("epoch")
        self.latest = latest if isinstance(latest, int) else 0

    def remember(self, epoch: int) -> None:
        """Write a later epoch durably; the same again costs nothing."""
        if epoch > self.latest:
            store.write(self._path, {"epoch": epoch})
            self.latest = epoch


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
