"""Topics: nothing is missed between looking and waiting, and nothing is kept for ever."""

import asyncio

import pytest

from stead.core import bus as bus_module
from stead.core.bus import Bus, StoppingError


async def test_a_change_after_the_look_is_not_missed():
    bus = Bus()
    seen = bus.version("a")
    bus.publish("a")
    assert await bus.changed("a", seen, 5)


async def test_all_who_wait_are_woken_and_nobody_else():
    bus = Bus()
    first, second = (asyncio.create_task(bus.changed("a", 0, 5)) for _ in range(2))
    other = asyncio.create_task(bus.changed("b", 0, 0.2))
    await asyncio.sleep(0)
    bus.publish("a")
    assert [await first, await second, await other] == [True, True, False]


async def test_time_runs_out_without_a_change():
    assert not await Bus().changed("a", 0, 0.01)


async def test_one_that_gives_up_does_not_take_the_others_along():
    bus = Bus()
    patient = asyncio.create_task(bus.changed("a", 0, 5))
    assert not await bus.changed("a", 0, 0.01)
    cancelled = asyncio.create_task(bus.changed("a", 0, 5))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    bus.publish("a")
    assert await patient


async def test_closing_sends_everybody_away_at_once_and_keeps_them_away():
    bus = Bus()
    waiting = asyncio.create_task(bus.changed("a", 0, 60))
    await asyncio.sleep(0)
    bus.close()
    with pytest.raises(StoppingError):
        await waiting
    with pytest.raises(StoppingError):
        await bus.changed("a", 0, 60)


async def test_a_forgotten_topic_wakes_for_nothing_rather_than_never(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(bus_module, "_REMEMBERED", 3)
    bus = Bus()
    seen = bus.version("a")
    bus.publish("a")
    for number in range(10):
        bus.publish(f"other:{number}")
    assert await bus.changed("a", seen, 0)


async def test_those_who_gave_up_leave_nothing_behind():
    bus = Bus()
    for number in range(50):
        assert not await bus.changed(f"cancel:{number}", 0, 0)
    task = asyncio.create_task(bus.changed("cancel:last", 0, 60))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert bus.waiting == 0


async def test_publishing_to_all_wakes_all():
    bus = Bus()
    tasks = [asyncio.create_task(bus.changed(topic, 0, 5)) for topic in "abc"]
    await asyncio.sleep(0)
    assert bus.waiting == 3
    bus.publish_all()
    assert await asyncio.gather(*tasks) == [True, True, True]
