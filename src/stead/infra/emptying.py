"""Emptying a node for work on it, and taking it back, step by step.

The engine moves everybody's guests. Ours are in hand meanwhile, so that nobody takes their way
for drift, and those that ran are seen to run again: engines may stop them first and find no
place for them then.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final, Protocol, runtime_checkable

from stead.core.durable import Json, Plan, Step, StepContext, StepError
from stead.engines import errors
from stead.engines.abilities import Evacuation, Surveys
from stead.engines.capabilities import Ability
from stead.engines.port import EngineDriver
from stead.engines.values import EngineTask, Guest, GuestState
from stead.infra import news, repository, service, surveys
from stead.infra.fleet import Fleet
from stead.infra.news import Item, Kind
from stead.infra.rules import IN_HAND, Wanted
from stead.infra.workflows import Do, Undo, say
from stead.kit import clock

# Moving the disks of a full node takes its time.
_MOVE_SECONDS: Final = 4 * 3600
_START_SECONDS: Final = 120
_LOOK_SECONDS: Final = 1.0


def evacuate_plan(fleet: Fleet) -> Plan:
    """Return the plan that moves every guest off a node and keeps new ones away."""
    return Plan(
        kind="cluster.evacuate",
        version=1,
        steps=(
            Step("look", "See what runs there", _look(fleet, back=False)),
            Step("hold", "Take our guests there in hand", _hold(fleet), _leave(fleet)),
            Step("move", "Ask for its guests to be moved", _move(fleet), _take_back(fleet)),
            _waiting(fleet, "Wait until they have moved"),
            Step("run", "See that what ran runs elsewhere", _run(fleet, back=False)),
            Step("leave", "Take our guests as they are now", _finish(fleet, back=False)),
        ),
    )


def restore_plan(fleet: Fleet) -> Plan:
    """Return the plan that lets a node take guests again and brings back those it had."""
    return Plan(
        kind="cluster.restore",
        version=1,
        steps=(
            Step("look", "See what runs elsewhere", _look(fleet, back=True)),
            Step("hold", "Take our guests there in hand", _hold(fleet), _leave(fleet)),
            Step("move", "Ask for its guests to be brought back", _bring(fleet)),
            _waiting(fleet, "Wait until they are back"),
            Step("run", "See that what ran runs again", _run(fleet, back=True)),
            Step("leave", "Take our guests as they are now", _finish(fleet, back=True)),
        ),
    )


def _look(fleet: Fleet, *, back: bool) -> Do:
    async def look(context: StepContext) -> dict[str, Json]:
        node, engine = context.text("node"), await _engine(fleet, context)
        (await engine.capabilities()).require(Ability.EVACUATION)
        found = [one for one in await engine.inventory() if (one.node == node) is not back]
        names = {one.name for one in found}
        async with fleet.database.read() as uow:
            listed = await repository.claims(uow, context.text("cluster_id"))
            claims = [claim for claim in listed if claim.native_name in names]
            # Some may be in the hands of another operation, which says how it leaves them.
            wanted: dict[str, Json] = {
                claim.owner: claim.wanted for claim in claims if claim.wanted not in IN_HAND
            }
            ours = {claim.native_name for claim in claims}
        running = [one.name for one in found if one.state is GuestState.RUNNING]
        where = f"on nodes other than {node}" if back else f"on {node}"
        await say(context, f"Guests {where}: {len(found)}, running: {len(running)}")
        again: list[Json] = [name for name in sorted(running) if name in ours]
        return {"wanted": wanted, "running": again}

    return look


def _hold(fleet: Fleet) -> Do:
    async def hold(context: StepContext) -> None:
        await _pass_on(fleet, context, to_us=True)

    return hold


def _leave(fleet: Fleet) -> Undo:
    async def leave(context: StepContext) -> None:
        await _pass_on(fleet, context, to_us=False)

    return leave


async def _pass_on(fleet: Fleet, context: StepContext, *, to_us: bool) -> None:
    """Take guests in hand, or leave them as they were wanted before; others' are left alone."""
    before = _table(context, "wanted")
    async with fleet.database.write() as uow:
        for owner, wanted in before.items():
            now = {claim.wanted for claim in await repository.claims_of(uow, owner)}
            if now == {wanted if to_us else Wanted.ANY}:
                await service.want(uow, owner, Wanted.ANY if to_us else Wanted(str(wanted)))


def _move(fleet: Fleet) -> Do:
    async def move(context: StepContext) -> dict[str, Json]:
        engine = await _engine(fleet, context)
        return _told(await engine.evacuate(context.text("node")))

    return move


def _bring(fleet: Fleet) -> Do:
    async def bring(context: StepContext) -> dict[str, Json]:
        engine = await _engine(fleet, context)
        return _told(await engine.restore_node(context.text("node")))

    return bring


def _waiting(fleet: Fleet, title: str) -> Step:
    async def wait(context: StepContext) -> None:
        told = context.results.get("move", {})
        engine = await _engine(fleet, context)
        await engine.settle(_task(told), _MOVE_SECONDS)

    return Step("wait", title, wait, limit_seconds=_MOVE_SECONDS)


def _take_back(fleet: Fleet) -> Undo:
    async def take_back(context: StepContext) -> None:
        engine, node = await _engine(fleet, context), context.text("node")
        with suppress(errors.TaskFailedError, errors.ConflictError, errors.NotFoundError):
            # It can only be taken back once the engine has stopped moving.
            await engine.settle(_task(context.results.get("move", {})), _MOVE_SECONDS)
        try:
            await engine.settle(await _in_turn(engine, node), _MOVE_SECONDS)
        except errors.NotFoundError:
            return
        await _start_again(context, engine)

    return take_back


async def _in_turn(engine: Evacuation, node: str) -> EngineTask:
    deadline = clock.monotonic() + _START_SECONDS
    while True:
        try:
            return await engine.restore_node(node)
        except errors.LockedError:
            if clock.monotonic() > deadline:
                raise
            await asyncio.sleep(_LOOK_SECONDS)


def _run(fleet: Fleet, *, back: bool) -> Do:
    async def run(context: StepContext) -> dict[str, Json]:
        engine, node = await _engine(fleet, context), context.text("node")
        started = await _start_again(context, engine)
        left = [one for one in await engine.inventory() if one.node == node and not back]
        if running := [one.name for one in left if one.state is GuestState.RUNNING]:
            raise StepError(
                f"{len(running)} guests still run on {node}: {', '.join(sorted(running)[:5])}",
                hint="They may be set to stay there; look at them on the engine",
            )
        if left:
            names = ", ".join(sorted(one.name for one in left)[:5])
            await say(context, f"{len(left)} guests stay there and are stopped: {names}")
        return {"started": started, "left": len(left)}

    return run


async def _start_again(context: StepContext, engine: EngineDriver) -> int:
    """Start guests of ours that ran before and were left stopped where they can run."""
    ran = _list(context, "running")
    stopped = await _stopped(engine, ran)
    failed = []
    for guest in stopped:
        try:
            await engine.settle(await engine.start(guest.name), _START_SECONDS)
            await say(context, f"{guest.name} was left stopped and runs again on {guest.node}")
        except errors.EngineError as error:
            failed.append(guest.name)
            await say(context, f"{guest.name} does not run again: {error.message}", bad=True)
    return len(stopped) - len(failed)


async def _stopped(engine: EngineDriver, names: Collection[str]) -> list[Guest]:
    found = await engine.inventory()
    return [one for one in found if one.name in names and one.state is GuestState.STOPPED]


def _finish(fleet: Fleet, *, back: bool) -> Do:
    async def finish(context: StepContext) -> None:
        await _pass_on(fleet, context, to_us=False)
        cluster_id, node = context.text("cluster_id"), context.text("node")
        words = f"{node} takes guests again" if back else f"{node} was emptied for work on it"
        async with fleet.database.write() as uow:
            await news.tell(uow, cluster_id, [Item(Kind.MAINTENANCE, words)])
        engine = await fleet.eye(cluster_id)
        with suppress(errors.EngineError):
            # So that its page shows the node as it is now; the next survey would, too.
            if isinstance(engine, Surveys):
                found = await engine.survey()
                async with fleet.database.write() as uow:
                    await surveys.note(uow, cluster_id, found)

    return finish


@runtime_checkable
class _Empties(EngineDriver, Evacuation, Protocol):
    """An engine that can empty nodes."""


async def _engine(fleet: Fleet, context: StepContext) -> _Empties:
    engine = await fleet.engine(context.text("cluster_id"))
    if not isinstance(engine, _Empties):
        raise errors.UnsupportedError("This engine empties no nodes")
    return engine


def _told(task: EngineTask) -> dict[str, Json]:
    return {"task": task.native_id, "done": task.done}


def _task(told: Mapping[str, Json]) -> EngineTask:
    return EngineTask(str(told.get("task", "")), done=bool(told.get("done", not told.get("task"))))


def _table(context: StepContext, name: str) -> dict[str, Json]:
    found = context.results.get("look", {}).get(name)
    return found if isinstance(found, dict) else {}


def _list(context: StepContext, name: str) -> list[str]:
    found = context.results.get("look", {}).get(name)
    return [str(one) for one in found] if isinstance(found, list) else []
