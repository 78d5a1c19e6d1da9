"""Keeps a pace: how often something may happen, for each of many keys, in little memory."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from stead.kit import clock

KEPT: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Pace:
    """``burst`` at once, then ``per_second``. Of many keys the longest unseen is forgotten."""

    def __init__(self, *, per_second: float, burst: int, kept: int = KEPT) -> None:
        self._per_second = per_second
        self._burst = burst
        self._kept = kept
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one, and return 0; or return in how many seconds there will be one again."""
        now = clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > self._kept:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        grown = (now - bucket.at) * self._per_second
        bucket.left, bucket.at = min(self._burst, bucket.left + grown), now
        if bucket.left < 1:
            return (1 - bucket.left) / self._per_second
        bucket.left -= 1
        return 0

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._buckets)
