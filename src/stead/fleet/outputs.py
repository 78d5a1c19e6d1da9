"""What a package on a machine gives back: where it is, and the secrets that were made for it."""

from typing import Final

from stead.agents import public as agents
from stead.catalog import public as catalog
from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.vault import Vault
from stead.deployments.public import OutputOut
from stead.fleet import repository, service
from stead.fleet.models import InstallationRow
from stead.fleet.schemas import InstallationDetailOut
from stead.fleet.service import Machine

# What the platform itself has noted of where an agent called from when it joined.
ADDRESS: Final = "address"


async def get_(
    uow: Uow, actor: Actor, vault: Vault, machine_id: str, app: str
) -> InstallationDetailOut:
    """Describe one package without its secrets. Raises NotFoundError."""
    machine, row = await _find(uow, actor, machine_id, app, Action.AGENT_READ)
    return InstallationDetailOut(
        id=row.id,
        app=row.package_id,
        app_name=str(row.manifest.get("name", row.package_id)),
        removable=row.manifest.get("uninstall_script") is not None,
        version=row.package_version,
        digest=row.package_digest,
        state=row.state,
        operation_id=row.operation_id,
        requested_by=row.requested_by,
        created_at=row.created_at,
        deployment=False,
        inputs=dict(row.inputs),
        outputs=await _outputs(uow, vault, machine, row, revealed=False),
    )


async def reveal(
    uow: Uow, actor: Actor, vault: Vault, machine_id: str, app: str
) -> list[OutputOut]:
    """Return the outputs with their secrets. Raises NotFoundError, ForbiddenError."""
    machine, row = await _find(uow, actor, machine_id, app, Action.DEPLOYMENT_REVEAL)
    return await _outputs(uow, vault, machine, row, revealed=True)


async def _find(
    uow: Uow, actor: Actor, machine_id: str, app: str, asked: Action
) -> tuple[Machine, InstallationRow]:
    machine = await service.get_machine(uow, actor, machine_id, asked)
    row = await repository.find_installed(uow, machine.id, app)
    if row is None:
        raise authz.NotFoundError(
            "There is no such package on this machine",
            hint="What a deployment installed is with it: stead show NAME",
        )
    return machine, row


async def _outputs(
    uow: Uow, vault: Vault, machine: Machine, row: InstallationRow, *, revealed: bool
) -> list[OutputOut]:
    manifest = catalog.Manifest.model_validate(row.manifest)
    host = await _host(uow, machine)
    secrets = await vault.all_of(uow, row.id)
    first = next(iter(manifest.public_services or manifest.services), None)
    port = manifest.service_port(first, row.inputs) if first is not None else 0
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    url = f"http://{place}/" if first is not None and first.protocol == "http" else place
    found = catalog.render_outputs(manifest, row.inputs, secrets, host, port, url)
    return [
        OutputOut(
            name=one.name,
            label=one.label,
            sensitive=one.sensitive,
            value=_shown(one, revealed=revealed),
        )
        for one in found
    ]


async def _host(uow: Uow, machine: Machine) -> str:
    """Return where a machine is: its address in the project, or where its agent called from."""
    if machine.address is not None:
        return machine.address
    seen = (await agents.list_sightings(uow, [machine.id])).get(machine.id)
    facts = seen.facts if seen is not None else {}
    return facts.get(ADDRESS) or facts.get("hostname") or machine.name


def _shown(output: catalog.Output, *, revealed: bool) -> str | None:
    if isinstance(output.value, str):
        return output.value
    return output.value.reveal() if revealed else None
