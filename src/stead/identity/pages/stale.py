"""Forms that say which version of a thing they change, so that nobody overwrites unseen."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from stead.core.errors import Kind, SteadError

FIELD: Final = "version"
_LENGTH: Final = 16


class ChangedMeanwhileError(SteadError):
    """Somebody else changed it after the form was opened."""

    kind = Kind.STALE
    code = "form.stale"


def version(shown: Mapping[str, object]) -> str:
    """Return the same for the same values of what a form changes."""
    text = json.dumps({name: str(value) for name, value in shown.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def require_unchanged(given: Mapping[str, str], now: Mapping[str, object]) -> None:
    """Compare with what the form showed. Raises ChangedMeanwhileError.

    The keys of ``now`` are the form's fields; each that differs from what is wanted is told.
    """
    if given.get(FIELD, "") in ("", version(now)):
        return
    told = {
        name: f"It is {_said(value)} now, you wrote {_said(given.get(name))}"
        for name, value in now.items()
        if _said(value) != _said(given.get(name))
    }
    raise ChangedMeanwhileError(
        "Somebody changed it meanwhile",
        hint="What you wrote is still here; look at what it is now, and save again to replace it",
        fields=told,
    )


def _said(value: object) -> str:
    return str(value).strip() if value not in (None, "") else "nothing"
