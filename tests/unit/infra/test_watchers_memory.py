"""What a watcher has to compare with the database, given what it recorded last."""

from datetime import UTC, datetime

from stead.engines.values import Guest, GuestState
from stead.infra.inventory import Look, Recorded
from stead.infra.watchers import MANY, _Memory

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def guests(number: int, state: GuestState = GuestState.RUNNING) -> tuple[Guest, ...]:
    return tuple(Guest(f"g{at}", "", "", state) for at in range(number))


def remembering(*seen: Guest, still_open: frozenset[str] = frozenset()) -> _Memory:
    memory = _Memory(full_seconds=1000)
    memory.keep(Look(NOW, seen), Recorded(still_open, 0), claims=1)
    return memory


def test_the_first_look_and_one_after_a_change_of_claims_may_differ_anywhere():
    assert _Memory(full_seconds=1000).differing(guests(2), 1) is None
    assert remembering(*guests(2)).differing(guests(2), 2) is None


def test_so_may_one_after_a_failure_or_a_long_time():
    memory = remembering(*guests(2))
    memory.forget()
    assert memory.differing(guests(2), 1) is None
    old = _Memory(full_seconds=0)
    old.keep(Look(NOW, guests(2)), Recorded(frozenset(), 0), claims=1)
    assert old.differing(guests(2), 1) is None


def test_the_same_guests_again_leave_only_what_was_open():
    assert remembering(*guests(3)).differing(guests(3)[::-1], 1) == frozenset()
    still_open = frozenset({"gone"})
    assert remembering(*guests(3), still_open=still_open).differing(guests(3), 1) == still_open


def test_what_is_new_changed_or_gone_is_named():
    memory = remembering(*guests(3))
    now = (Guest("g0", "", "", GuestState.STOPPED), *guests(4)[2:])
    assert memory.differing(now, 1) == {"g0", "g1", "g3"}


def test_a_look_at_one_guest_is_remembered_too():
    memory = remembering(*guests(3))
    stopped = (Guest("g0", "", "", GuestState.STOPPED),)
    memory.add(Look(NOW, stopped, complete=False), Recorded(frozenset({"g0"}), 1))
    assert memory.differing((*stopped, *guests(3)[1:]), 1) == {"g0"}


def test_where_very_much_differs_everything_is_read():
    memory = remembering(*guests(MANY + 1))
    assert memory.differing(guests(MANY + 1, GuestState.STOPPED), 1) is None
