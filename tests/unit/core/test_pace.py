"""How often something may happen."""

import pytest

from stead.core.pace import Pace
from stead.kit import clock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: moment[0])
    return moment


def test_a_burst_passes_and_then_a_steady_few(now: list[float]):
    pace = Pace(per_second=2, burst=3)
    assert [pace.take("a") for _ in range(3)] == [0, 0, 0]
    assert pace.take("a") == pytest.approx(0.5)
    now[0] += 0.5
    assert pace.take("a") == 0
    assert pace.take("a") > 0


def test_waiting_does_not_save_up_more_than_a_burst(now: list[float]):
    pace = Pace(per_second=2, burst=3)
    now[0] += 3600
    assert [bool(pace.take("a")) for _ in range(4)] == [False, False, False, True]


@pytest.mark.usefixtures("now")
def test_keys_do_not_share():
    pace = Pace(per_second=1, burst=1)
    assert (pace.take("a"), pace.take("b")) == (0, 0)


@pytest.mark.usefixtures("now")
def test_being_refused_costs_nothing_more():
    pace = Pace(per_second=1, burst=1)
    pace.take("a")
    assert {pace.take("a") for _ in range(50)} == {1.0}


@pytest.mark.usefixtures("now")
def test_memory_is_bounded():
    pace = Pace(per_second=1, burst=1, kept=100)
    for number in range(1000):
        pace.take(str(number))
    assert len(pace) == 100
