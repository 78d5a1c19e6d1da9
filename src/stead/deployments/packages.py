"""What deployments have installed, for those who list the packages of a machine."""

from dataclasses import dataclass
from datetime import datetime

from stead.core.db import Uow
from stead.deployments import repository
from stead.sources.public import UseOut


@dataclass(frozen=True, slots=True)
class Installed:
    """The package of a deployment."""

    id: str
    package_id: str
    package_version: str
    package_digest: str
    state: str
    operation_id: str
    requested_by: str
    created_at: datetime
    nesting: bool


async def list_uses(uow: Uow, source_id: str) -> list[UseOut]:
    """Return the deployments whose package came from a source. The caller has checked who asks."""
    return [
        UseOut(
            what=f"deployment {row.name}",
            project_id=row.project_id,
            package=row.package_id,
            version=row.package_version,
        )
        for row in await repository.of_source(uow, source_id)
    ]


async def find_package_on(uow: Uow, instance_id: str) -> Installed | None:
    """Return what a deployment put into this instance. The caller has checked who asks."""
    row = await repository.find_by_instance(uow, instance_id)
    if row is None:
        return None
    return Installed(
        id=row.id,
        package_id=row.package_id,
        package_version=row.package_version,
        package_digest=row.package_digest,
        state=row.state,
        operation_id=row.operation_id,
        requested_by=row.requested_by,
        created_at=row.created_at,
        nesting=bool(row.manifest.get("nesting")),
    )
