"""Testing a cluster, step by step, so that a person sees each answer as it comes.

Nothing here changes anything on an engine. What is missing is told and is no failure by
itself; a step fails when nothing behind it could be found out.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from stead.core.db import Database
from stead.core.durable import Json, Plan, Step, StepContext
from stead.engines import connections, errors, trust
from stead.engines.abilities import Examines
from stead.engines.port import EngineDriver
from stead.engines.values import Checked, Topic
from stead.infra import repository, surveys
from stead.infra.fleet import Fleet
from stead.infra.models import ClusterRow

Do: TypeAlias = Callable[[StepContext], Coroutine[Any, Any, dict[str, Json] | None]]
Undo: TypeAlias = Callable[[StepContext], Coroutine[Any, Any, None]]
_TITLES: Final = {
    Topic.VERSION: "Check its version",
    Topic.RIGHTS: "Check each privilege",
    Topic.STORAGES: "Look at its storages",
    Topic.NETWORKS: "Look at its networks",
    Topic.CLOCK: "Compare the clocks",
}
_LIMIT_SECONDS: Final = 120


def check_plan(fleet: Fleet) -> Plan:
    """Return the plan that tests a cluster and changes nothing there."""
    return Plan(
        kind="cluster.check",
        version=1,
        steps=(
            *looks(fleet),
            step("record", "Write down what was found", _record(fleet.database)),
        ),
        repeatable=True,
    )


def looks(fleet: Fleet) -> tuple[Step, ...]:
    """Return the steps that look at everything and change nothing."""
    return (
        step("certificate", "Compare its certificate", _compare(fleet)),
        step("credentials", "Be known to it", _greet(fleet)),
        *(step(topic, _TITLES[topic], _examine(fleet, topic)) for topic in Topic),
    )


def step(name: str, title: str, do: Do, undo: Undo | None = None) -> Step:
    """Return a step that asks an engine."""
    return Step(name, title, do, undo, attempts=2, limit_seconds=_LIMIT_SECONDS)


def _compare(fleet: Fleet) -> Do:
    async def compare(context: StepContext) -> None:
        row = await _row(fleet.database, context)
        connection = connections.of(row.engine)
        if not row.fingerprint:
            await say(
                context, "It is not reached over a network, or the settings say whom to trust"
            )
            return
        host, port = connection.endpoint(row.options)
        found = await trust.shown(host, port)
        if found.fingerprint != row.fingerprint:
            raise errors.CertificateChangedError(row.name, row.fingerprint, found.fingerprint)
        await say(context, f"{host}:{port} shows the confirmed certificate {found.fingerprint}")

    return compare


def _greet(fleet: Fleet) -> Do:
    async def greet(context: StepContext) -> dict[str, Json]:
        health = await (await _engine(fleet, context)).health()
        nodes = ", ".join(health.nodes) or "no node"
        await say(context, f"It knows us: {health.engine} {health.version} on {nodes}")
        return {"version": health.version}

    return greet


def _examine(fleet: Fleet, topic: Topic) -> Do:
    async def examine(context: StepContext) -> dict[str, Json]:
        engine = await _engine(fleet, context)
        found = await engine.examine(topic) if isinstance(engine, Examines) else ()
        if not found:
            await say(context, "This engine has nothing to say about it")
        for one in found:
            await say(context, _words(one), bad=not one.ok)
        return {"checked": [_plain(one) for one in found]}

    return examine


def _record(database: Database) -> Do:
    async def record(context: StepContext) -> dict[str, Json]:
        checks = checked(context)
        async with database.write() as uow:
            await surveys.note_checks(uow, context.text("cluster_id"), checks)
        missing = sum(1 for one in checks if not one["ok"])
        await say(context, f"{len(checks)} things looked at, {missing} of them amiss")
        return {"checked": len(checks), "amiss": missing}

    return record


def checked(context: StepContext) -> list[dict[str, Json]]:
    """Return what the steps before this one looked at."""
    return [one for topic in Topic for one in _rows(context.results.get(topic, {}).get("checked"))]


async def _row(database: Database, context: StepContext) -> ClusterRow:
    async with database.read() as uow:
        return await repository.get_cluster(uow, context.text("cluster_id"))


async def _engine(fleet: Fleet, context: StepContext) -> EngineDriver:
    return await fleet.eye(context.text("cluster_id"))


async def say(context: StepContext, text: str, *, bad: bool = False) -> None:
    """Tell whoever follows the operation."""
    await context.emit("log", {"stream": "stderr" if bad else "stdout", "text": text})


def _words(one: Checked) -> str:
    told = f"{'yes' if one.ok else 'no '}  {one.name}"
    if one.text:
        told += f": {one.text}"
    if one.disables and not one.ok:
        told += f". Does not work without it: {', '.join(one.disables)}"
    return f"{told}. {one.fix}" if one.fix and not one.ok else told


def _plain(one: Checked) -> Json:
    return {
        "topic": str(one.topic),
        "name": one.name,
        "ok": one.ok,
        "text": one.text,
        "disables": list(one.disables),
        "fix": one.fix,
    }


def _rows(value: Json) -> list[dict[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
