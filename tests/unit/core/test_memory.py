"""What is remembered is forgotten when it was changed, and soon in any case."""

import pytest

from stead.core import memory
from stead.core.bus import Bus
from stead.core.memory import Memory


def test_a_publication_ends_it():
    bus = Bus()
    kept = Memory(bus)
    kept.keep("things", 1, kept.tick)
    assert kept.find("things") == 1
    bus.publish("other")
    assert kept.find("things") == 1
    bus.publish("things")
    assert kept.find("things") is None


def test_what_was_read_before_a_publication_is_not_kept():
    bus = Bus()
    kept = Memory(bus)
    began = kept.tick
    bus.publish("things")
    kept.keep("things", "old", began)
    assert kept.find("things") is None
    kept.keep("things", "new", kept.tick)
    assert kept.find("things") == "new"


def test_a_lost_publication_costs_little_time(monkeypatch: pytest.MonkeyPatch):
    kept = Memory(Bus())
    kept.keep("things", 1, kept.tick)
    later = memory.clock.monotonic() + memory.SECONDS
    monkeypatch.setattr(memory.clock, "monotonic", lambda: later)
    assert kept.find("things") is None
