"""What is told of an operation that did not go well: a code, words for people, what to do."""

from typing import Final

from stead.core import log
from stead.core.durable.plan import Json, Plan, Step
from stead.core.errors import SteadError

CANCELLED: Final = "operation.cancelled"
logger = log.get(__name__)


def describe(
    operation_id: str, step: Step, error: BaseException | None
) -> tuple[dict[str, Json], bool]:
    """Return what is told of a failure, and whether trying again may help."""
    if isinstance(error, SteadError):
        told: dict[str, Json] = {
            "code": error.code,
            "message": error.message,
            "step": step.name,
            "hint": error.hint,
        }
        if error.fields:
            told["fields"] = dict(error.fields)
        return told, error.retryable
    logger.error("operation.step.crashed", operation=operation_id, step=step.name, exc_info=error)
    text = "An unexpected error stopped this step; the server's log has the details"
    return {"code": "internal", "message": text, "step": step.name}, False


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
