"""A value that must not be printed, logged or serialised by accident."""

from typing import Final

from typing_extensions import override

MASK: Final = "••••••"


class Secret:
    """Wrap a secret string; only ``reveal`` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._value

    @override
    def __repr__(self) -> str:
        """Show a mask."""
        return "Secret(••••••)"

    @override
    def __str__(self) -> str:
        """Show a mask."""
        return MASK

    @override
    def __eq__(self, other: object) -> bool:
        """Compare by value."""
        return isinstance(other, Secret) and other._value == self._value

    @override
    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._value)
