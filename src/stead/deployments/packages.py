"""What deployments have installed, for those who list the packages of a machine."""

from dataclasses import dataclass
from datetime import datetime

from stead.core.db import Uow
from stead.deployments import repository


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
    )
