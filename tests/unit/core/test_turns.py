"""Requests write before background work, which is never left out."""

import asyncio

from stead.core import turns
from stead.core.turns import AHEAD, Turns


async def _line_up(lock: Turns, names: str, done: list[str]) -> list["asyncio.Task[None]"]:
    """Let each wait for the lock, those of small letters in the background."""

    async def one(name: str) -> None:
        turns.background.set(name.islower())
        async with lock:
            done.append(name)

    tasks = [asyncio.create_task(one(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_requests_go_before_work_in_the_background():
    lock, done = Turns(), []
    async with lock:
        tasks = await _line_up(lock, "abAB", done)
    await asyncio.gather(*tasks)
    assert "".join(done) == "ABab"


async def test_work_in_the_background_gets_its_turn_however_many_requests_wait():
    lock, done = Turns(), []
    async with lock:
        tasks = await _line_up(lock, "ab" + "A" * 3 * AHEAD, done)
    await asyncio.gather(*tasks)
    assert done.index("a") == AHEAD
    assert done.index("b") == 2 * AHEAD + 1


async def test_one_that_is_cancelled_passes_its_turn_on():
    lock, done = Turns(), []
    async with lock:
        tasks = await _line_up(lock, "ABC", done)
        tasks[0].cancel()
    # The turn of the second has come, and it does not know yet.
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == ["C"]
    async with asyncio.timeout(5), lock:
        pass


async def test_tasks_of_the_background_are_there_as_well():
    lock, done = Turns(), []

    async def parent() -> None:
        turns.background.set(True)
        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    async def child() -> None:
        async with lock:
            done.append("child")

    async with lock:
        task = asyncio.create_task(parent())
        await asyncio.sleep(0.01)
        tasks = await _line_up(lock, "A", done)
    await asyncio.gather(task, *tasks)
    assert done == ["A", "child"]
