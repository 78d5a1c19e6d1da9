"""Time as the control plane tells it, over a network that is late now and then."""

import time

import pytest

from stead_agent.clock import ServerClock

FAR = 1_000_000.0


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Hold this machine's own time still; it goes on when it is told to."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_the_first_answer_counts_however_far_its_time_is(here: list[float]):
    clock = ServerClock()
    clock.set(FAR)
    here[0] += 2
    assert clock.now() == FAR + 2


@pytest.mark.usefixtures("here")
def test_a_late_answer_does_not_turn_it_back():
    clock = ServerClock()
    clock.set(FAR)
    clock.set(FAR - 0.4)
    assert clock.now() == FAR


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("change", [0.2, 30.0, -1.0, -3600.0])
def test_an_earlier_answer_and_a_clock_that_was_set_are_followed(change: float):
    clock = ServerClock()
    clock.set(FAR)
    clock.set(FAR + change)
    assert clock.now() == FAR + change
