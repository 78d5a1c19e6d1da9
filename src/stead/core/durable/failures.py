"""What is told of an operation that did not go well: a code, words for people, what to do."""

import re
from collections.abc import Mapping
from typing import Final

from stead.core import log
from stead.core.durable.plan import Json, NeedsPersonError, Plan, Step
from stead.core.errors import SteadError

DETAIL_LENGTH: Final = 2000
_LONGEST: Final = 20_000
_DETAIL: Final = "detail"
# An engine may repeat what it was sent.
_SECRET: Final = (
    (re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(-----END [^-]*-----|$)", re.DOTALL), "***"),
    (re.compile(r"\b(st[a-z]_)[\w-]{8,}"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic|PVEAPIToken=\S+?[=:])\s*\S+"), r"\1 ***"),
    (
        re.compile(r"(?i)((?:password|passwd|secret|token|ticket|api_?key)\S{0,3}[=:]\s*)\S+"),
        r"\1***",
    ),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
)
CANCELLED: Final = "operation.cancelled"
logger = log.get(__name__)


def describe(
    operation_id: str, step: Step, error: BaseException | None
) -> tuple[dict[str, Json], bool]:
    """Return what is told of a failure, and whether trying again may help."""
    if isinstance(error, SteadError):
        known: dict[str, Json] = {
            "code": error.code,
            "message": error.message,
            "step": step.name,
            "hint": error.hint,
        }
        if error.fields:
            known["fields"] = dict(error.fields)
        if words := _plain(error.detail):
            known[_DETAIL] = words
        return known, error.retryable
    logger.error("operation.step.crashed", operation=operation_id, step=step.name, exc_info=error)
    text = "An unexpected error stopped this step; the server's log has the details"
    return {"code": "internal", "message": text, "step": step.name}, False


def own(error: Mapping[str, Json]) -> dict[str, Json]:
    """Return our own words of a failure, which everybody may hear."""
    return {name: value for name, value in error.items() if name != _DETAIL}


def whole(error: Mapping[str, Json] | None, detail: str | None) -> dict[str, Json]:
    """Return a failure as it was described, from what is kept of it in two places."""
    return {**(error or {}), **({_DETAIL: detail} if detail else {})}


def apart(changes: Mapping[str, object]) -> dict[str, object]:
    """Return changes of an operation with what only operators hear in a place of its own."""
    error = changes.get("error")
    if "error" not in changes:
        return dict(changes)
    if not isinstance(error, dict):
        return {**changes, _DETAIL: None}
    return {**changes, "error": own(error), _DETAIL: error.get(_DETAIL)}


def _plain(said: str) -> str:
    """Return somebody else's words as they may be kept: bounded, and without secrets."""
    text = said[:_LONGEST]
    text = "".join(one if one.isprintable() or one == "\n" else " " for one in text)
    for pattern, instead in _SECRET:
        text = pattern.sub(instead, text)
    return text.strip()[:DETAIL_LENGTH]


def parks(told: Mapping[str, Json]) -> bool:
    """Tell whether a failure is to be looked at where it happened."""
    return told.get("code") == NeedsPersonError.code


def cancelled(step: Step) -> dict[str, Json]:
    """Somebody asked for it to stop."""
    return {"code": CANCELLED, "message": "Cancelled", "step": step.name}


def too_late(step: Step) -> dict[str, Json]:
    """Its deadline passed."""
    return {
        "code": "operation.deadline_passed",
        "message": f"Its time was up at “{step.title}”",
        "step": step.name,
        "hint": "Look at what took so long, then ask for it anew",
    }


def changed(plan: Plan) -> dict[str, Json]:
    """The plan is not the one that it began with."""
    return {
        "code": "operation.plan_changed",
        "message": f"Version {plan.version} of {plan.kind} has other steps than this began with",
        "hint": "Start the version of Stead that accepted it, and try the undo again there",
    }
