"""Versions of a deployment's package: the one that it has, and the one that is offered."""

from collections.abc import Mapping
from dataclasses import dataclass

from stead.catalog import public as catalog
from stead.core.db import Uow
from stead.deployments import repository
from stead.deployments.errors import InvalidRequestError
from stead.deployments.models import ChangeRow, DeploymentRow
from stead.deployments.rules import DeploymentState
from stead.deployments.schemas import PendingOut, UpdateOut
from stead.kit.secrets import Secret


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a package, and where it came from."""

    manifest: catalog.Manifest
    digest: str
    source_id: str | None


def stored(row: DeploymentRow | ChangeRow) -> Version:
    """Return the version that is written down."""
    manifest = catalog.Manifest.model_validate(row.manifest)
    return Version(manifest, row.package_digest, row.source_id)


def offered(shelf: catalog.Catalog, row: DeploymentRow) -> Version | None:
    """Return the version in the catalog when it comes after the one that is there."""
    found = shelf.packages.get(row.package_id)
    if found is None or not shelf.offers(found, [row.project_id]):
        return None
    if not catalog.is_newer(found.manifest.version, row.package_version):
        return None
    return Version(found.manifest, found.digest, found.origin.id if found.origin else None)


def choose(
    shelf: catalog.Catalog,
    row: DeploymentRow,
    base: DeploymentRow | ChangeRow,
    version: str | None,
) -> Version:
    """Return the version that is asked for, none being the base's. Raises InvalidRequestError."""
    if version in (None, base.package_version):
        return stored(base)
    found = offered(shelf, row)
    if found is None or found.manifest.version != version:
        instead = f"The catalog has {found.manifest.version}" if found else "There is none newer"
        raise InvalidRequestError(
            f"{row.name} cannot become version {version}", fields={"version": instead}
        )
    return found


def carried(
    manifest: catalog.Manifest,
    inputs: Mapping[str, catalog.Value],
    secrets: Mapping[str, Secret],
) -> dict[str, object]:
    """Return the answers from before that this version still asks for.

    What was secret before is carried only into what is secret.
    """
    answers: dict[str, object] = {
        name: value for name, value in inputs.items() if manifest.input(name) is not None
    }
    for name, secret in secrets.items():
        one = manifest.input(name)
        if one is not None and one.is_secret:
            answers[name] = secret.reveal()
    return answers


def update(shelf: catalog.Catalog, row: DeploymentRow) -> UpdateOut | None:
    """Return what the version that is offered would change; None when there is none."""
    found = offered(shelf, row)
    if found is None:
        return None
    before = stored(row).manifest
    asked = {one.name for one in before.inputs}
    asks = {one.name for one in found.manifest.inputs}
    open_, opens = ({one.name for one in each.services} for each in (before, found.manifest))
    return UpdateOut(
        version=found.manifest.version,
        new_inputs=sorted(asks - asked),
        gone_inputs=sorted(asked - asks),
        opens=sorted(opens - open_),
        closes=sorted(open_ - opens),
    )


async def pending(uow: Uow, row: DeploymentRow) -> PendingOut | None:
    """Return what a deployment is being changed to."""
    if row.state != DeploymentState.CHANGING:
        return None
    change = await repository.find_change(uow, row.id)
    if change is None or change.operation_id != row.operation_id:
        return None
    return PendingOut(version=change.package_version, inputs=dict(change.inputs))
