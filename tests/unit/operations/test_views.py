"""Operations as pages show them."""

from datetime import UTC, datetime, timedelta

import pytest

from stead.operations import views
from stead.operations.schemas import EventOut, OperationOut, StepOut
from stead.operations.views import Subject
from stead.ui.models import Link, Tone

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CACHE = Subject("cache", "cache is live", Link("/deployments/1", "Connection details"))


def _step(state: str = "running", **changes: object) -> StepOut:
    values = {"started_at": NOON, "finished_at": None, "error": None, **changes}
    return StepOut(name="install", title="Install the app", state=state, **values)


def _operation(state: str = "running", *steps: StepOut, **changes: object) -> OperationOut:
    ended = state not in {"queued", "running", "undoing"}
    values = {
        "id": "1",
        "kind": "deployment.deploy",
        "title": "Deploy",
        "project_id": "p",
        "subject": "deployment:1",
        "state": state,
        "ended": ended,
        "cancellable": not ended,
        "cancel_requested": False,
        "error": None,
        "requested_by": "ann",
        "created_at": NOON,
        "started_at": NOON,
        "finished_at": NOON + timedelta(seconds=12) if ended else None,
        "steps": list(steps),
        **changes,
    }
    return OperationOut.model_validate(values)


def _event(kind: str, **data: object) -> EventOut:
    return EventOut(seq=1, at=NOON, step="install", kind=kind, data=data)


def test_an_operation_that_goes_on_has_no_outcome():
    assert views.outcome(_operation("undoing"), None) is None


def test_success_says_what_there_is_now_and_how_long_it_took():
    found = views.outcome(_operation("succeeded"), CACHE)
    assert found is not None
    assert (found.tone, found.title, found.note) == (Tone.GOOD, "cache is live", "It took 12.0 s.")


def test_failure_names_the_step_the_reason_and_the_next_thing_to_do():
    error = {"step": "install", "message": "no space left", "hint": "Choose a larger size"}
    found = views.outcome(_operation("failed", _step("undone"), error=error), None)
    assert found is not None
    assert found.title == "“Install the app” failed"
    assert (found.message, found.hint) == ("no space left", "Choose a larger size")
    assert "taken away again" in found.note


def test_a_failure_that_left_its_subject_does_not_claim_that_it_is_gone():
    found = views.outcome(_operation("failed"), CACHE)
    assert found is not None
    assert found.note == "cache is still there. Look at it, then try again."


def test_what_could_not_be_taken_back_asks_for_attention():
    found = views.outcome(_operation("undo_failed"), CACHE)
    assert found is not None
    assert (found.tone, "what is left" in found.note) == (Tone.BAD, True)


@pytest.mark.parametrize("state", [*views.STATES, "from a newer version"])
def test_every_state_has_words_and_an_icon(state: str):
    badge = views.badge(state)
    assert badge.label
    assert badge.icon


def test_the_step_that_failed_stays_marked_after_it_was_taken_back():
    [step] = views.steps(_operation("failed", _step("undone", error="no space left")), [])
    assert step.badge == views.BROKE


def test_a_step_that_was_cancelled_did_not_fail():
    error = {"code": "operation.cancelled"}
    operation = _operation("cancelled", _step("undone", error="Cancelled"), error=error)
    [step] = views.steps(operation, [])
    assert step.badge.tone is Tone.QUIET


def test_a_running_step_shows_its_latest_progress():
    events = [_event("progress", percent=10, text="a"), _event("progress", percent=60, text="b")]
    [step] = views.steps(_operation("running", _step()), events)
    assert (step.percent, step.progress, step.since) == (60, "b", NOON)


def test_a_finished_step_shows_how_long_it_took_and_no_progress():
    done = _step("done", finished_at=NOON + timedelta(seconds=2))
    [step] = views.steps(_operation("running", done), [_event("progress", percent=60, text="b")])
    assert (step.percent, step.took, step.since) == (None, "2.0 s", None)


def test_the_log_has_output_steps_and_what_went_wrong():
    events = [
        _event("step", state="running"),
        _event("log", stream="stdout", text="hello"),
        _event("retry", message="busy"),
        _event("step", state="done"),
        _event("cancel"),
        _event("state", state="undoing"),
        _event("unknown", text="x"),
    ]
    found = [line.text for line in views.lines(_operation("running", _step()), events)]
    assert found == [
        "Install the app",
        "hello",
        "Trying again: busy",
        "Cancelling was asked for",
        "Taking back what was made",
    ]
