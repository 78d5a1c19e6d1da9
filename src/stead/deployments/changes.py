"""What a change of a deployment is made of: its plans, and what lies beside the deployment.

While it is on its way the row of the change says what is wanted; with the turn both rows
exchange what they say, so that the way back is the same turn again.
"""

from dataclasses import dataclass
from typing import Final

from stead.catalog import public as catalog
from stead.core.db import Uow
from stead.core.durable import Plan
from stead.core.vault import Vault
from stead.deployments.models import ChangeRow, DeploymentRow
from stead.deployments.rules import change_owner
from stead.exposure import public as exposure
from stead.instances import public as instances

_EXCHANGED: Final = ("package_version", "package_digest", "source_id", "manifest", "inputs")


@dataclass(frozen=True, slots=True)
class Changes:
    """The plans of a change, and of what is tidied up after it."""

    change_plan: Plan
    tidy_plan: Plan

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return both, for the worker."""
        return self.change_plan, self.tidy_plan


async def exchange(uow: Uow, vault: Vault, row: DeploymentRow, change: ChangeRow) -> None:
    """Let a deployment be what its change says, and the change what the deployment was."""
    for name in _EXCHANGED:
        here, there = getattr(row, name), getattr(change, name)
        setattr(row, name, there)
        setattr(change, name, here)
    own, other = row.id, change_owner(row.id)
    kept, wanted = await vault.all_of(uow, own), await vault.all_of(uow, other)
    await vault.forget(uow, own)
    await vault.forget(uow, other)
    for owner, secrets in ((own, wanted), (other, kept)):
        for name, secret in secrets.items():
            await vault.put(uow, owner, name, secret)


def keys(manifest: catalog.Manifest) -> set[tuple[str, str]]:
    """Return what has a way from outside."""
    return {(one.name, one.protocol) for one in manifest.public_services}


def leads(
    manifest: catalog.Manifest,
    values: dict[str, catalog.Value],
    hosts: dict[tuple[str, str], str],
    instance: instances.Instance,
) -> list[exposure.RouteRequest]:
    """Return where the ways of these hosts lead, with these inputs."""
    return [
        exposure.RouteRequest(
            service=service.name,
            protocol=service.protocol,
            host=hosts[service.name, service.protocol],
            backend_ip=instance.ip,
            backend_port=manifest.service_port(service, values),
            path=service.health_path or service.path or "/",
            probe_send=service.probe.send if service.probe else "",
            probe_expect=service.probe.expect if service.probe else "",
        )
        for service in manifest.public_services
    ]
