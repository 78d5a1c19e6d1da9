"""Turns: order, fairness, pace, and nobody stuck when somebody gives up."""

import asyncio

import pytest
from hypothesis import given, settings, strategies as st

from stead.engines.scheduler import Lock, Scheduler, Scope, Turn, Waiting, heard_by

TEMPLATE = Lock(Scope.TEMPLATE, "9000")
NODE = Lock(Scope.NODE, "pve1")
GUEST = Lock(Scope.GUEST, "101")


async def test_clones_of_one_template_pass_one_at_a_time_and_in_order():
    scheduler, passed, inside = Scheduler(), list[int](), list[int]()

    async def clone(number: int) -> None:
        async with scheduler.turn(f"guest {number}", TEMPLATE):
            inside.append(number)
            assert len(inside) == 1
            await asyncio.sleep(0)
            inside.remove(number)
            passed.append(number)

    await asyncio.gather(*(clone(number) for number in range(50)))
    assert passed == list(range(50))
    assert scheduler.waiting() == ()


async def test_people_read_how_many_are_ahead():
    told: list[str] = []
    scheduler = Scheduler(lambda waiting: told.append(f"{waiting.who}: {waiting}"))
    first = await scheduler.take("a", TEMPLATE)
    others = [asyncio.create_task(scheduler.take(who, TEMPLATE)) for who in ("b", "c")]
    await asyncio.sleep(0)
    assert scheduler.waiting() == (Waiting("b", TEMPLATE, 1), Waiting("c", TEMPLATE, 2))
    scheduler.release(first)
    scheduler.release(await others[0])
    scheduler.release(await others[1])
    assert told == [
        "b: waiting for template 9000, 1 ahead",
        "c: waiting for template 9000, 2 ahead",
        "c: waiting for template 9000, 1 ahead",
    ]


async def test_whoever_asked_hears_what_holds_it_up_but_not_each_step(
    monkeypatch: pytest.MonkeyPatch,
):
    now = 100.0
    monkeypatch.setattr("stead.kit.clock.monotonic", lambda: now)
    scheduler, heard = Scheduler(), list[str]()

    async def hear(text: str) -> None:
        heard.append(text)

    async def clone() -> Turn:
        with heard_by(hear):
            return await scheduler.take("last", TEMPLATE)

    turns = [await scheduler.take("a", TEMPLATE)]
    others = [asyncio.create_task(scheduler.take(who, TEMPLATE)) for who in "bcd"]
    await asyncio.sleep(0)
    last = asyncio.create_task(clone())
    for passing in others:
        for _ in range(5):
            await asyncio.sleep(0)
        scheduler.release(turns[-1])
        turns.append(await passing)
        if passing is others[1]:
            now += 5
    for _ in range(5):
        await asyncio.sleep(0)
    assert not last.done()
    scheduler.release(turns[-1])
    scheduler.release(await last)
    assert heard == ["waiting for template 9000, 4 ahead", "waiting for template 9000, 1 ahead"]


async def test_a_listener_that_fails_lets_the_next_one_pass():
    scheduler = Scheduler()

    async def hear(text: str) -> None:
        raise OSError(text)

    held = await scheduler.take("a", TEMPLATE)
    with heard_by(hear), pytest.raises(OSError, match="1 ahead"):
        await scheduler.take("b", TEMPLATE)
    scheduler.release(held)
    scheduler.release(await scheduler.take("c", TEMPLATE))
    assert scheduler.waiting() == ()


async def test_who_waits_for_one_lock_holds_none_of_the_others():
    scheduler = Scheduler()
    held = await scheduler.take("a", TEMPLATE)
    both = asyncio.create_task(scheduler.take("b", TEMPLATE, GUEST))
    await asyncio.sleep(0)
    assert not both.done()
    # Somebody who came later and wants only the guest comes after "b", or guests would starve.
    later = asyncio.create_task(scheduler.take("c", GUEST))
    await asyncio.sleep(0)
    assert not later.done()
    scheduler.release(held)
    scheduler.release(await both)
    scheduler.release(await later)


async def test_who_gives_up_while_waiting_leaves_the_queue():
    scheduler = Scheduler()
    held = await scheduler.take("a", TEMPLATE)
    gone = asyncio.create_task(scheduler.take("b", TEMPLATE))
    stays = asyncio.create_task(scheduler.take("c", TEMPLATE))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    scheduler.release(held)
    scheduler.release(await stays)


async def test_who_is_cancelled_at_the_moment_of_its_turn_gives_it_back():
    scheduler = Scheduler()
    held = await scheduler.take("a", TEMPLATE)
    gone = asyncio.create_task(scheduler.take("b", TEMPLATE))
    await asyncio.sleep(0)
    scheduler.release(held)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    scheduler.release(await scheduler.take("c", TEMPLATE))


async def test_releasing_twice_lets_only_one_pass():
    scheduler = Scheduler()
    first = await scheduler.take("a", TEMPLATE)
    scheduler.release(first)
    second = await scheduler.take("b", TEMPLATE)
    scheduler.release(first)
    third = asyncio.create_task(scheduler.take("c", TEMPLATE))
    await asyncio.sleep(0)
    assert not third.done()
    scheduler.release(second)
    scheduler.release(await third)


async def test_the_pace_on_a_node_grows_while_it_answers_fast_and_halves_when_it_does_not():
    scheduler = Scheduler()
    begun = scheduler.at_once(NODE)
    for _ in range(40):
        scheduler.release(await scheduler.take("a", NODE), seconds=0.1)
    fast = scheduler.at_once(NODE)
    scheduler.release(await scheduler.take("a", NODE), seconds=0.9)
    slow = scheduler.at_once(NODE)
    scheduler.release(await scheduler.take("a", NODE), refused=True)
    assert begun < fast
    assert (slow, scheduler.at_once(NODE)) == (fast // 2, fast // 4)


async def test_the_pace_never_falls_to_a_standstill_nor_touches_exclusive_locks():
    scheduler = Scheduler()
    for lock in (NODE, TEMPLATE):
        for _ in range(20):
            scheduler.release(await scheduler.take("a", lock), seconds=0.1, refused=True)
        assert scheduler.at_once(lock) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sets(st.sampled_from([TEMPLATE, NODE, GUEST, Lock(Scope.GUEST, "102")]), min_size=1),
        max_size=30,
    )
)
def test_everybody_gets_through_whatever_they_want(wishes: list[set[Lock]]):
    async def run() -> None:
        scheduler, held = Scheduler(), set[Turn]()

        async def one(locks: set[Lock]) -> None:
            turn = await scheduler.take("x", *locks)
            mine = {lock for lock in turn.locks if lock != NODE}
            assert not any(mine & set(other.locks) for other in held)
            held.add(turn)
            await asyncio.sleep(0)
            held.remove(turn)
            scheduler.release(turn)

        async with asyncio.timeout(20):
            await asyncio.gather(*(one(locks) for locks in wishes))

    asyncio.run(run())
