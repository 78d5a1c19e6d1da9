"""Replacing credentials and taking a cluster over: each only after a test of what it needs."""

from stead.core.durable import Json, Plan, StepContext, StepError
from stead.engines import connections, errors, registry
from stead.engines.abilities import Examines
from stead.engines.port import EngineDriver
from stead.engines.values import Topic
from stead.infra import news, repository
from stead.infra.changing import waiting
from stead.infra.connecting import Connecting
from stead.infra.emptying import evacuate_plan, restore_plan
from stead.infra.fleet import Fleet, full_options
from stead.infra.news import Item, Kind
from stead.infra.rules import Mode
from stead.infra.workflows import Do, Undo, check_plan, checked, looks, say, step


def rotate_plan(fleet: Fleet) -> Plan:
    """Return the plan that replaces credentials once the new ones were found to work."""
    return Plan(
        kind="cluster.rotate",
        version=1,
        steps=(
            step("try", "Try the new credentials", _try_new(fleet), _drop_new(fleet)),
            step("switch", "Use them from now on", _switch(fleet)),
        ),
    )


def takeover_plan(fleet: Fleet) -> Plan:
    """Return the plan after which Stead may change things on a cluster."""
    return Plan(
        kind="cluster.takeover",
        version=1,
        steps=(
            *looks(fleet),
            step("enough", "See whether that is enough", _enough(fleet)),
            step("manage", "Let Stead manage guests there", _manage(fleet)),
        ),
        repeatable=True,
    )


def _try_new(fleet: Fleet) -> Do:
    async def attempt(context: StepContext) -> None:
        driver = await _open_new(fleet, context.text("cluster_id"))
        try:
            health = await driver.health()
            guests = await driver.inventory()
            await say(
                context, f"{health.engine} {health.version} knows them: {len(guests)} guests"
            )
            lost = await _lost(fleet, context, driver)
        finally:
            await driver.close()
        if lost:
            raise StepError(
                f"The new credentials lack what the old ones have: {', '.join(lost)}",
                hint="Grant it to them, then replace the credentials again",
            )

    return attempt


async def _open_new(fleet: Fleet, cluster_id: str) -> EngineDriver:
    async with fleet.database.read() as uow:
        row = await repository.get_cluster(uow, cluster_id)
        new = await fleet.vault.all_of(uow, waiting(cluster_id))
    if not new:
        raise StepError("Other new credentials took the place of these")
    told = {name: secret.reveal() for name, secret in new.items()}
    return registry.connect(row.engine, full_options(row, told))


async def _lost(fleet: Fleet, context: StepContext, new: EngineDriver) -> list[str]:
    """Return the rights that the old credentials have and the new ones lack."""
    try:
        old = await fleet.eye(context.text("cluster_id"))
        if not (isinstance(old, Examines) and isinstance(new, Examines)):
            return []
        before = {one.name for one in await old.examine(Topic.RIGHTS) if one.ok}
    except errors.EngineError as error:
        await say(context, f"The old ones are of no use any more: {error.message}")
        return []
    return [
        one.name for one in await new.examine(Topic.RIGHTS) if one.name in before and not one.ok
    ]


def _drop_new(fleet: Fleet) -> Undo:
    async def drop(context: StepContext) -> None:
        async with fleet.database.write() as uow:
            await fleet.vault.forget(uow, waiting(context.text("cluster_id")))

    return drop


def _switch(fleet: Fleet) -> Do:
    async def switch(context: StepContext) -> None:
        cluster_id, vault = context.text("cluster_id"), fleet.vault
        async with fleet.database.write() as uow:
            row = await repository.get_cluster(uow, cluster_id)
            new = await vault.all_of(uow, waiting(cluster_id))
            if not new:
                return
            secrets = connections.of(row.engine).secrets()
            for name in secrets & new.keys():
                await vault.put(uow, cluster_id, name, new[name])
            shown = {name: new[name].reveal() for name in new.keys() - secrets}
            row.options, row.revision = {**row.options, **shown}, row.revision + 1
            await vault.forget(uow, waiting(cluster_id))
            await news.tell(uow, cluster_id, [Item(Kind.CONNECTED, "It has new credentials")])
            uow.wake(news.CLUSTERS)

    return switch


def _enough(fleet: Fleet) -> Do:
    async def enough(context: StepContext) -> dict[str, Json]:
        cluster_id = context.text("cluster_id")
        async with fleet.database.read() as uow:
            row = await repository.get_cluster(uow, cluster_id)
        record = await (await fleet.eye(cluster_id)).capabilities()
        needed = [record.of(ability) for ability in registry.required(row.engine)]
        lacking = [f"{one.ability}: {one.reason}" for one in needed if not one.usable]
        lacking += [
            f"{one['name']}: {one['text'] or one['fix']}"
            for one in checked(context)
            if not one["ok"] and "containers" in _list(one["disables"])
        ]
        if lacking:
            raise StepError(
                f"{row.engine.capitalize()} lets us do too little there: {'; '.join(lacking)}",
                hint="Grant what is missing, then take the cluster over again",
            )
        await say(context, f"All {len(needed)} abilities that guests need are there")
        return {"abilities": len(needed)}

    return enough


def _manage(fleet: Fleet) -> Do:
    async def manage(context: StepContext) -> None:
        async with fleet.database.write() as uow:
            row = await repository.get_cluster(uow, context.text("cluster_id"))
            if row.mode == Mode.READ_ONLY:
                row.mode = Mode.MANAGED
                words = "Stead may make and change its own guests there from now on"
                await news.tell(uow, row.id, [Item(Kind.CONNECTED, words)])

    return manage


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def tools(fleet: Fleet) -> Connecting:
    """Return what the use cases of connecting need."""
    return Connecting(
        vault=fleet.vault,
        check_plan=check_plan(fleet),
        rotate_plan=rotate_plan(fleet),
        takeover_plan=takeover_plan(fleet),
        evacuate_plan=evacuate_plan(fleet),
        restore_plan=restore_plan(fleet),
    )
