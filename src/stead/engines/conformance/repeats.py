"""The same thing twice, at once, half-way, and without an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from stead.engines.conformance.trial import BrokenError, Trial, expect, refused
from stead.engines.errors import ConflictError, EngineError, LockedError, OutcomeUnknownError
from stead.engines.values import EngineTask, Guest, GuestSpec, GuestState


async def the_same_key_is_the_same_guest(trial: Trial) -> None:
    """Creating again with the same key gives the guest that is there, running or not."""
    spec = await trial.make()
    before = await trial.guest(spec.name)
    await trial.done(trial.driver.create(spec))
    expect(await trial.guest(spec.name) == before, "the second call changed the guest")
    await trial.start(spec.name)
    await trial.done(trial.driver.create(spec))
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it stopped the guest")


async def another_key_is_a_conflict(trial: Trial) -> None:
    """A name that belongs to another key is refused, and its guest is left alone."""
    spec = await trial.make()
    before = await trial.guest(spec.name)
    await refused(trial.driver.create(replace(spec, key="another")), ConflictError)
    expect(await trial.guest(spec.name) == before, "the refused call changed the guest")


async def a_repeated_create_takes_up_the_first(trial: Trial) -> None:
    """Creating again while the first call is at work ends with one guest for both."""
    spec = trial.spec()
    first = await trial.driver.create(spec)
    second = await trial.driver.create(spec)
    for task in (second, first):
        await trial.driver.settle(task, trial.target.seconds)
    expect(await _named(trial, spec) == [await trial.guest(spec.name)], "there is not one guest")


async def one_name_at_once_is_one_guest(trial: Trial) -> None:
    """Several creates of one name and key at once end with one guest, and nobody is misled."""
    spec = trial.spec()
    await _all_end(trial, [spec] * 4)
    await trial.patiently(lambda: trial.driver.create(spec))
    found = await _named(trial, spec)
    expect([guest.key for guest in found] == [spec.key], f"there are {found}")
    await trial.start(spec.name)


async def several_keys_at_once_have_one_winner(trial: Trial) -> None:
    """Of creates of one name with different keys exactly one wins, and the guest is its."""
    spec = trial.spec()
    specs = [replace(spec, key=f"key-{number}") for number in range(3)]
    won = await _all_end(trial, specs)
    found = await trial.guest(spec.name)
    expect([each.key for each in won] == [found.key], f"winners {won}, the guest {found}")
    await trial.start(spec.name)


async def different_names_at_once_all_come(trial: Trial) -> None:
    """Six guests created and started at once all run."""
    specs = [trial.spec() for _ in range(6)]
    await asyncio.gather(*(trial.make(spec, start=True) for spec in specs))
    running = {g.name for g in await trial.driver.inventory() if g.state is GuestState.RUNNING}
    expect({spec.name for spec in specs} <= running, f"only {running} run")


async def an_interrupted_wait_is_taken_up(trial: Trial) -> None:
    """Whoever is cancelled while settling leaves a task that another process can settle."""
    spec = trial.spec()
    task = await trial.driver.create(spec)
    waiting = asyncio.ensure_future(trial.driver.settle(task, trial.target.seconds))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    other = trial.target.another()
    try:
        await other.settle(task, trial.target.seconds)
        found = await other.find(spec.name)
    finally:
        await other.close()
    expect(found is not None and found.state is GuestState.STOPPED, f"it finds {found}")


async def an_interrupted_call_is_repeated(trial: Trial) -> None:
    """A create that is cancelled at any moment and repeated gives one guest."""
    for turns in (0, 1, 3, 10, 40):
        spec = trial.spec()
        call = asyncio.ensure_future(trial.driver.create(spec))
        for _ in range(turns):
            await asyncio.sleep(trial.target.pause_seconds / 50)
        call.cancel()
        await asyncio.wait([call])
        await trial.patiently(lambda spec=spec: trial.driver.create(spec))  # type: ignore[misc]
        found = await _named(trial, spec)
        expect([g.key for g in found] == [spec.key], f"after {turns} turns there are {found}")


async def a_task_outlives_a_short_wait(trial: Trial) -> None:
    """A wait that is too short is of unknown outcome, and the task goes on."""
    spec = trial.spec()
    task = await trial.driver.create(spec)
    try:
        await trial.driver.settle(task, 0)
    except OutcomeUnknownError:
        await trial.driver.settle(task, trial.target.seconds)
    expect((await trial.guest(spec.name)).state is GuestState.STOPPED, "the guest is not made")


async def a_lost_answer_to_create_is_found(trial: Trial) -> None:
    """When the answer is lost the outcome is unknown; a look-up finds it, a repeat is the same."""
    spec = trial.spec()
    await _lose(trial, lambda: trial.driver.create(spec))
    for _ in range(200):
        found = await trial.driver.find(spec.name)
        if found is not None:
            break
        await asyncio.sleep(trial.target.pause_seconds)
    else:
        raise BrokenError("what was asked for is never found")
    expect(found.key == spec.key, "it does not carry the key")
    await trial.patiently(lambda: trial.driver.create(spec))
    expect(len(await _named(trial, spec)) == 1, "the repeat made another one")


async def a_lost_answer_to_start_and_delete_is_made_up(trial: Trial) -> None:
    """After a lost answer, starting, stopping and deleting again end where they should."""
    spec, driver = await trial.make(), trial.driver
    await _lose(trial, lambda: driver.start(spec.name))
    await trial.start(spec.name)
    expect((await trial.guest(spec.name)).state is GuestState.RUNNING, "it does not run")
    await _lose(trial, lambda: driver.stop(spec.name, force=True))
    await trial.stop(spec.name)
    await _lose(trial, lambda: driver.delete(spec.name))
    await trial.patiently(lambda: driver.delete(spec.name))
    expect(await driver.find(spec.name) is None, "it is not deleted")


async def _lose(trial: Trial, call: Callable[[], Awaitable[EngineTask]]) -> None:
    if trial.target.lose_answer is None:
        raise BrokenError("this target cannot lose answers")
    trial.target.lose_answer()
    await refused(call(), OutcomeUnknownError)


async def _all_end(trial: Trial, specs: list[GuestSpec]) -> list[GuestSpec]:
    """Create all at once; return who succeeded. The others have to fail in a known way."""

    async def create(spec: GuestSpec) -> GuestSpec:
        await trial.done(trial.driver.create(spec))
        return spec

    ended = await asyncio.gather(*map(create, specs), return_exceptions=True)
    won = [each for each in ended if isinstance(each, GuestSpec)]
    for each in ended:
        if isinstance(each, EngineError):
            expect(isinstance(each, ConflictError | LockedError), f"a loser is told {each!r}")
        elif isinstance(each, BaseException):
            raise each
    expect(bool(won), "nobody wins")
    return won


async def _named(trial: Trial, spec: GuestSpec) -> list[Guest]:
    return [guest for guest in await trial.driver.inventory() if guest.name == spec.name]
