"""Small values that the renderers and those who apply them share."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rendered:
    """A configuration and the mark by which a proxy tells that it has taken it over."""

    text: str
    generation: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Files with a certificate chain and its key."""

    chain: Path
    key: Path


class ActivationError(Exception):
    """A proxy did not take over a configuration; the one before it is active again."""
