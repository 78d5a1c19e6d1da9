"""What a guest that was seen means against what was agreed on."""

import pytest

from stead.infra.rules import Agreed, Definition, Seen, Standing, Wanted, judge

AS_MADE: Definition = {
    "cores": 1,
    "memory_mb": 512,
    "disk_gb": 8,
    "addresses": ["10.90.0.3"],
    "mac": "02:00:00:00:00:03",
}


def seen(state: str = "running", node: str = "n1", **changes: int | str | list[str]) -> Seen:
    return Seen(state, node, {**AS_MADE, **changes})


def left(wanted: Wanted = Wanted.RUNNING) -> Agreed:
    return Agreed(wanted, "n1", AS_MADE)


def test_a_guest_as_it_was_left_is_known():
    assert judge(left(), seen()) == (Standing.KNOWN, "")
    assert judge(left(Wanted.STOPPED), seen("stopped")) == (Standing.KNOWN, "")


@pytest.mark.parametrize("state", ["running", "stopped", "busy", "error"])
@pytest.mark.parametrize("wanted", [Wanted.ANY, Wanted.ABSENT])
def test_what_an_operation_has_in_hand_is_never_held_against_anybody(wanted: Wanted, state: str):
    found = judge(left(wanted), seen(state, "n2", cores=8))
    assert found == (Standing.KNOWN, "")


def test_a_guest_that_the_engine_is_busy_with_is_not_changed_yet():
    assert judge(left(), seen("busy"))[0] is Standing.KNOWN


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (seen("stopped"), "it was left running and is stopped"),
        (seen("error"), "it was left running and is in error"),
        (seen(memory_mb=1024), "memory in MB: 512 became 1024"),
        (seen(addresses=[]), "addresses: 10.90.0.3 became none"),
        (seen(mac=""), "MAC: 02:00:00:00:00:03 became none"),
        (seen(cores=0), "processors: 1 became 0"),
    ],
)
def test_what_somebody_else_changed_is_said_in_words(found: Seen, words: str):
    assert judge(left(), found) == (Standing.CHANGED, words)


def test_a_guest_whose_node_is_not_heard_from_differs_in_nothing():
    found = judge(left(), seen("unreachable", cores=0))
    assert found == (
        Standing.UNREACHABLE,
        "the node n1 is not heard from; this is how it was last seen",
    )
    assert judge(Agreed(Wanted.RUNNING), seen("unreachable"))[0] is Standing.UNREACHABLE
    assert judge(left(Wanted.ANY), seen("unreachable"))[0] is Standing.KNOWN


def test_a_guest_on_another_node_has_moved():
    found = judge(left(), seen(node="n2"))
    assert found == (Standing.MOVED, "it was on n1 and is on n2")


def test_one_that_moved_and_was_changed_counts_as_changed_and_says_both():
    standing, words = judge(left(), seen("stopped", node="n2"))
    assert standing is Standing.CHANGED
    assert "is stopped" in words
    assert "is on n2" in words


def test_before_anything_was_agreed_on_nothing_can_differ():
    assert judge(Agreed(Wanted.RUNNING), seen("stopped"))[0] is Standing.KNOWN
