"""What has to hold before a package is put on a machine: the same as before a deployment.

The admins' rules, what it needs and what it does not go with on this machine, the size that it
asks for, and containers of its own. What nobody knows of a machine refuses nothing.
"""

from collections.abc import Mapping
from typing import Final

from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core.db import Database, Uow
from stead.core.durable import Rule, Step, StepContext, policy
from stead.deployments import public as deployments
from stead.engines.values import GuestKind
from stead.fleet import repository, rules
from stead.fleet.errors import UnfitError
from stead.fleet.schemas import MachineKind
from stead.fleet.service import Machine
from stead.infra import public as infra
from stead.instances import public as instances

_REMOVING: Final = "removing"


async def require(
    uow: Uow, known: catalog.Catalog, machine: Machine, manifest: catalog.Manifest
) -> None:
    """Pass, or raise PolicyError, UnmetError or UnfitError with what is in the way."""
    await require_allowed(uow, manifest.id)
    own = await deployments.find_package_on(uow, machine.id)
    await _require_others(uow, known, machine, manifest, own)
    await _require_size(uow, machine, manifest)
    if manifest.nesting and not await _may_nest(uow, machine, own):
        raise UnfitError(
            f"{manifest.name} runs containers of its own, which {machine.name} was not made for",
            hint=f"Deploy it by itself: stead deploy {manifest.id}",
        )


async def require_allowed(uow: Uow, package_id: str) -> None:
    """Pass, or raise PolicyError when the admins refuse the app everywhere."""
    refused = await deployments.app_refusal(uow, package_id)
    if refused is not None:
        raise refused


def policy_step(database: Database) -> Step:
    """Return the step that asks the admins' rules as they are when the work begins."""
    return policy(database, Rule(deployments.REFUSED_APPS.name, _refuses))


async def _refuses(uow: Uow, context: StepContext) -> str | None:
    row = await repository.find_installation(uow, context.text("installation_id"))
    refused = await deployments.app_refusal(uow, row.package_id) if row is not None else None
    return refused.message if refused is not None else None


async def _require_others(
    uow: Uow,
    known: catalog.Catalog,
    machine: Machine,
    manifest: catalog.Manifest,
    own: deployments.Installed | None,
) -> None:
    there, works = await _present(uow, machine, manifest.id, own)
    offered = known.offered([machine.project_id])
    *before, _ = catalog.plan(offered, [manifest.id], there)
    needed = [one.package for one in manifest.dependencies]
    lacking = before or [name for name in needed if name not in works]
    if lacking:
        raise catalog.UnmetError(
            f"{manifest.name} needs {', '.join(lacking)} on {machine.name}",
            hint=f"Install that first: stead job install {machine.name} {lacking[0]}",
        )


async def _present(
    uow: Uow, machine: Machine, besides: str, own: deployments.Installed | None
) -> tuple[dict[str, str], frozenset[str]]:
    """Return the other apps of a machine by version, begun ones too, and those that work."""
    rows = [
        row
        for row in await repository.list_installations(uow, machine.id)
        if row.package_id != besides
    ]
    there = {row.package_id: row.package_version for row in rows}
    works = {r.package_id for r in rows if r.installed_at is not None and r.state != _REMOVING}
    if own is not None and own.package_id != besides:
        there[own.package_id] = own.package_version
        works |= {own.package_id} if own.state == "live" else set()
    return there, frozenset(works)


async def _require_size(uow: Uow, machine: Machine, manifest: catalog.Manifest) -> None:
    needs = manifest.resource_requirements
    wanted = {
        "cores": needs.min_cores,
        "memory_mb": needs.min_ram_mb,
        "disk_mb": needs.min_disk_mb,
    }
    lacking = rules.lacking(wanted, await _size(uow, machine))
    if lacking:
        raise UnfitError(
            f"{manifest.name} is too large for {machine.name}",
            fields=lacking,
            hint=f"If it has grown since, let it join again: stead server token {machine.name}"
            if machine.kind is MachineKind.SERVER
            else f"Deploy it by itself: stead deploy {manifest.id}",
        )


async def _size(uow: Uow, machine: Machine) -> Mapping[str, int]:
    """Return what an instance was given, and what a server's agent has told."""
    instance = await instances.find(uow, machine.id)
    if instance is not None:
        disk_mb = instance.disk_gb * 1024
        return {"cores": instance.cores, "memory_mb": instance.memory_mb, "disk_mb": disk_mb}
    seen = (await agents.list_sightings(uow, [machine.id])).get(machine.id)
    return rules.told_size(seen.facts if seen is not None else {})


async def _may_nest(uow: Uow, machine: Machine, own: deployments.Installed | None) -> bool:
    """Tell whether a machine takes containers; of a server that is for its owner to know."""
    instance = await instances.find(uow, machine.id)
    if instance is None or (own is not None and own.nesting):
        return True
    hosting = await infra.hosting_of(uow, instance.cluster_id)
    return hosting is not None and hosting.kind is GuestKind.VM
