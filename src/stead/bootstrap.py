"""The composition root: the only module that names drivers and puts the parts together.

``main`` is ``stead serve``; the command line hands over to it.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import cast

import typer

from stead.agents import public as agents
from stead.bundles import plans as bundle_plans
from stead.catalog import public as catalog
from stead.core import log, pki, telemetry
from stead.core.blobs import Blobs
from stead.core.durable import Checkpoint, Plan, Worker, schedule
from stead.core.durable.traced import traced
from stead.core.http import Provided
from stead.core.outbound import governed
from stead.core.settings import Settings
from stead.deployments import (
    adoption,
    change_flows,
    elsewhere,
    public as deployments,
    publishing,
    resize_flows,
    snapshot_flows,
    workflows,
)
from stead.deployments.acting import Acting
from stead.deployments.changes import Changes
from stead.deployments.snapshots import Snapshots
from stead.engines import registry
from stead.engines.errors import UnsupportedError
from stead.engines.port import ContainerEngine
from stead.entrypoints import carrying, engines, simulated_guests
from stead.entrypoints.api import agent_app
from stead.entrypoints.local import run, settings as chosen_settings
from stead.entrypoints.plant import Ground, Plant, lay_ground
from stead.entrypoints.serve import serve
from stead.exposure import workflows as exposure_workflows
from stead.fleet import plans as fleets, public as fleet_domain
from stead.identity import public as identity
from stead.infra import handover, public as infra
from stead.infra.company import Company
from stead.infra.fleet import Fleet
from stead.instances import workflows as instance_workflows
from stead.instances.warm import Filling
from stead.operations import public as operations, workflows as operation_workflows
from stead.platform import public as platform, workflows as platform_workflows
from stead.sources import plans as sources
from stead.webhooks import public as webhooks

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _only_verbs() -> None:
    """Stead's server."""


@app.command("serve")
def _serve() -> None:
    """Serve console, API, agents and worker until stopped."""
    chosen = chosen_settings()
    log.configure(json=chosen.server.json_logs)
    run(_measured(chosen))


async def _measured(chosen: Settings) -> None:
    with telemetry.sending(chosen.telemetry.endpoint, chosen.telemetry.service):
        await serve(chosen, assemble)


async def assemble(
    settings: Settings,
    open_gateway: Callable[[IPv4Address], Awaitable[None]],
    checkpoint: Checkpoint | None = None,
) -> Plant:
    """Put the control plane together. ``checkpoint`` lets tests stop it at any step."""
    base = await lay_ground(settings)
    async with base.database.write() as uow:
        cluster_id = await infra.ensure_local_cluster(uow, settings.engine.kind)
    folder = settings.server.data_dir
    places = [*settings.server.packages, catalog.BUILT_IN]
    packages = await asyncio.to_thread(catalog.load, places)
    blobs = await _stock(folder, packages)
    engine = _engine(settings)
    fleet = Fleet(base.database, base.vault, {cluster_id: engine})
    tools = _tools(base, fleet, open_gateway)
    flows = (
        workflows.deploy_plan(tools),
        elsewhere.cluster_plan(tools),
        workflows.remove_plan(tools),
    )
    adopt, forget = adoption.adopt_plan(tools), adoption.forget_plan(tools)
    look = platform_workflows.look_plan(base.database, engine)
    tests = handover.tools(fleet)
    services = Provided()
    own = (base.database, base.vault, base.heads, blobs, packages, settings, _doors(base))
    deploying = _deployments(base, packages, flows)
    doing = _doing(tools)
    acting = (deploying, *doing, adoption.Adoption(adopt, forget), platform.Platform(look))
    for service in (*own, fleet, tests, *acting):
        services.add(service)
    bundled = await _bundles(base, services, places)
    courier = _courier(base, services)
    parts = await _sources(services)
    regular = _regular(base, fleet, services)
    ours = (
        *flows,
        *elsewhere.earlier_plans(tools),
        *(plan for one in doing for plan in one.plans),
        adopt,
        forget,
        look,
        *tests.plans,
        *regular.plans,
        parts.plan,
        *bundled,
    )
    plans = (*ours, *fleets.add(services).plans)
    services.add(operations.Plans.of(plans))
    owner = f"{socket.gethostname()}:{os.getpid()}"
    worker = Worker(base.database, tuple(map(traced, plans)), owner=owner, checkpoint=checkpoint)
    timer = partial(schedule.run, base.database, (*regular.schedules, parts.schedule))
    watch = partial(Company(fleet, owner).run, alone=base.database.sqlite)
    ever = (timer, watch, partial(courier.run))
    others = (*parts.company, *_company(settings, engine, services), *_carry(base, services))
    return Plant(base, services, worker, (*ever, *others))


def _doing(tools: workflows.Tools) -> tuple[Acting, Snapshots, Changes]:
    """Return what can be done with deployments that are there."""
    acting, kept = resize_flows.assemble(tools), snapshot_flows.assemble(tools)
    return acting, kept, change_flows.assemble(tools)


def _doors(base: Ground) -> identity.Doors:
    return identity.local_doors(base.database, base.vault)


def _courier(base: Ground, services: Provided) -> webhooks.Courier:
    outbound = governed(base.database)
    services.add(outbound)
    return webhooks.Courier(base.database, base.vault, outbound)


async def _sources(services: Provided) -> sources.Parts:
    """Offer what was accepted of sources, from the first request on."""
    parts = sources.add(services, (deployments.list_uses, fleet_domain.list_uses))
    await parts.shelf.renew()
    return parts


def _tools(
    base: Ground, fleet: Fleet, open_gateway: Callable[[IPv4Address], Awaitable[None]]
) -> workflows.Tools:
    settings = base.settings
    return workflows.Tools(
        database=base.database,
        engines=fleet.engine,
        vault=base.vault,
        authority=base.authority,
        outside=publishing.Outside(
            settings.edge.probe_address,
            settings.server.https_port,
            settings.server.data_dir / "ca.pem",
        ),
        image=settings.incus.image,
        agent_port=settings.server.agent_port,
        network_range=settings.network.range,
        open_gateway=open_gateway,
        simulated=settings.engine.simulated,
        doorway=_doorway(settings),
    )


@dataclass(frozen=True, slots=True)
class _Regular:
    """What is done by itself, again and again."""

    plans: tuple[Plan, ...]
    schedules: tuple[schedule.Schedule, ...]


def _regular(base: Ground, fleet: Fleet, services: Provided) -> _Regular:
    purge = operation_workflows.purge_plan(base.database)
    renew = exposure_workflows.renew_plan(base.database, base.vault, base.authority)
    image = base.settings.incus.image
    fill = instance_workflows.fill_plan(
        instance_workflows.Tools(base.database, fleet.engine, image)
    )
    services.add(Filling(fill))
    schedules = (
        operation_workflows.purge_schedule(purge),
        exposure_workflows.renew_schedule(renew),
        instance_workflows.fill_schedule(fill),
    )
    return _Regular((purge, renew, fill), schedules)


def _doorway(settings: Settings) -> publishing.Doorway | None:
    address, port = settings.server.agent_address, settings.server.agent_port
    if address is None:
        return None
    pinned = pki.ensure_pinned(settings.server.agent_tls, address)
    return publishing.Doorway(str(address), port, pinned.chain.read_text(), pinned.fingerprint)


def _deployments(
    base: Ground, packages: catalog.Catalog, plans: tuple[Plan, Plan, Plan]
) -> deployments.Deployments:
    settings, (deploy, place, remove) = base.settings, plans
    return deployments.Deployments(
        catalog=packages,
        vault=base.vault,
        within=settings.network.range,
        domain=settings.server.domain,
        https_port=settings.server.https_port,
        tcp_ports=range(settings.edge.tcp_first, settings.edge.tcp_last + 1),
        deploy_plan=deploy,
        cluster_plan=place,
        remove_plan=remove,
    )


async def _bundles(base: Ground, services: Provided, places: Sequence[Path]) -> tuple[Plan, ...]:
    deploying = services.get(deployments.Deployments)
    known = deploying.catalog.packages
    bundles = await asyncio.to_thread(catalog.load_bundles, places, known)
    works = bundle_plans.assemble(base.database, base.vault, bundles, deploying)
    services.add(bundles)
    services.add(works)
    return works.deploy_plan, works.remove_plan, *works.earlier_plans


def _company(
    settings: Settings, engine: ContainerEngine, services: Provided
) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
    if not settings.engine.simulated:
        return ()
    simulated = cast("simulated_guests.SimulatedEngine", engine)
    return (partial(simulated_guests.play, simulated, agent_app(services)),)


def _carry(
    base: Ground, services: Provided
) -> tuple[Callable[[], Coroutine[None, None, None]], ...]:
    carrier = agents.carrier(base.settings.redis, base.database, base.vault)
    if carrier is None:
        return ()
    services.add(carrier)
    return (partial(carrying.carry, carrier, agent_app(services)),)


async def _stock(folder: Path, packages: catalog.Catalog) -> Blobs:
    blobs = Blobs(folder / "blobs")
    for package in packages.packages.values():
        await asyncio.to_thread(blobs.put, package.archive)
    return blobs


def main() -> None:
    """Run ``stead serve``."""
    app()


def _engine(settings: Settings) -> ContainerEngine:
    kind = settings.engine.kind
    engine = registry.connect(kind, engines.options(settings))
    if not isinstance(engine, ContainerEngine):
        raise UnsupportedError(f"The engine {kind} cannot run deployments")
    return engine
