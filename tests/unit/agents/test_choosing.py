"""Which job an agent gets next, when several may run at once."""

from hypothesis import given, strategies as st

from stead.agents.rules import Limits, OpenJob, choose, lost
from stead_agent.tasks import ALONE, CHANGING, QUICK

USUAL = Limits()


def waiting(name: str, lane: str = CHANGING, not_before: float = 0, *, offered: bool = True):
    return OpenJob(name, 0, lane, claimed=False, not_before=not_before, offered=offered)


def held(name: str, lane: str = CHANGING, attempt: int = 1):
    return OpenJob(name, attempt, lane, claimed=True, not_before=0, offered=True)


def chosen(*jobs: OpenJob, limits: Limits = USUAL, gone: object = frozenset()) -> str | None:
    return choose(jobs, gone, limits, 100)[0]  # type: ignore[arg-type]


def test_what_changes_a_machine_waits_for_what_changes_it():
    assert chosen(held("a"), waiting("b")) is None
    assert chosen(held("a"), waiting("b"), limits=Limits(changing=2)) == "b"


def test_what_only_looks_does_not_wait_for_an_installer():
    assert chosen(held("a"), waiting("b"), waiting("c", QUICK)) == "c"
    full = (held("a", QUICK), held("b", QUICK))
    assert chosen(*full, waiting("c", QUICK), waiting("d")) == "d"
    assert chosen(*full, waiting("c", QUICK), limits=Limits(quick=3)) == "c"


def test_an_update_of_the_agent_is_alone_and_is_not_overtaken():
    update = waiting("b", ALONE)
    assert chosen(update) == "b"
    assert chosen(held("a", QUICK), update, waiting("c", QUICK)) is None
    assert chosen(waiting("a", QUICK), update) == "a"
    assert chosen(held("a", ALONE), waiting("b", QUICK)) is None


def test_what_was_lost_is_given_again_and_takes_no_room():
    jobs = (held("a"), waiting("b"))
    gone = lost(jobs, {"b"})
    assert gone == {("a", 1)}
    assert chosen(*jobs, gone=gone) == "a"
    # A newer poll has been given it meanwhile.
    assert chosen(held("a", attempt=2), waiting("b"), gone=gone) is None


def test_a_pause_before_a_retry_holds_nobody_up_and_is_told():
    later = waiting("a", not_before=130)
    assert choose([later], (), Limits(), 100) == (None, 30)
    assert chosen(later, waiting("b")) == "b"
    assert choose([later, waiting("b", not_before=110)], (), Limits(), 100) == (None, 10)


def test_what_another_epoch_asked_for_is_not_given():
    assert choose([waiting("a", offered=False)], (), Limits(), 100) == (None, None)


JOBS = st.lists(
    st.builds(
        OpenJob,
        id=st.uuids().map(str),
        attempt=st.integers(0, 3),
        lane=st.sampled_from([CHANGING, QUICK, ALONE]),
        claimed=st.booleans(),
        not_before=st.sampled_from([0.0, 200.0]),
        offered=st.booleans(),
    ),
    max_size=12,
)


@given(JOBS, st.integers(1, 3), st.integers(1, 3))
def test_no_order_of_jobs_passes_a_limit(jobs: list[OpenJob], changing: int, quick: int):
    """Hand out until nothing is left; at no time do more run than may."""
    limits, now = Limits(changing, quick), 1000.0
    open_jobs = [
        OpenJob(j.id, j.attempt, j.lane, claimed=False, not_before=j.not_before, offered=True)
        for j in jobs
    ]
    while (name := choose(open_jobs, (), limits, now)[0]) is not None:
        open_jobs = [
            OpenJob(j.id, j.attempt + 1, j.lane, claimed=True, not_before=0, offered=True)
            if j.id == name
            else j
            for j in open_jobs
        ]
        lanes = [j.lane for j in open_jobs if j.claimed]
        assert lanes == [ALONE] or ALONE not in lanes
        assert lanes.count(CHANGING) <= changing
        assert lanes.count(QUICK) <= quick
    if open_jobs:
        assert any(j.claimed for j in open_jobs), "something can always begin"
