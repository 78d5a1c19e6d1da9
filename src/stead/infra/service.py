"""Use cases of infra: the local cluster, and claims on its guests."""

from typing import Final

from stead.core.authz import NotFoundError
from stead.core.db import Uow
from stead.infra import repository
from stead.infra.errors import EngineChangedError
from stead.infra.models import ClaimRow, ClusterRow
from stead.kit import clock, ids

LOCAL: Final = "local"


async def ensure_local_cluster(uow: Uow, engine: str) -> str:
    """Record the engine of this machine unless it is known; return the cluster's id.

    Raises EngineChanged when another one is recorded: to it every guest of the first one would
    be absent, and so deleted without ever having been touched.
    """
    row = await repository.find_cluster_by_name(uow, LOCAL)
    if row is None:
        row = ClusterRow(id=ids.new_id(), name=LOCAL, engine=engine, created_at=clock.utc_now())
        uow.session.add(row)
        await uow.session.flush()
    if row.engine != engine:
        raise EngineChangedError(
            f"This data folder belongs to the engine {row.engine}, and the settings say {engine}",
            hint=f"Set engine.kind to {row.engine}, or use another server.data_dir",
        )
    return row.id


async def local_cluster_id(uow: Uow) -> str:
    row = await repository.find_cluster_by_name(uow, LOCAL)
    if row is None:
        raise NotFoundError("No engine is connected yet", hint="Run: stead admin init")
    return row.id


async def claim(uow: Uow, cluster_id: str, native_name: str, *, owner: str, key: str) -> None:
    """Write down that a guest of this name is, or will be, ours."""
    uow.session.add(
        ClaimRow(
            cluster_id=cluster_id,
            native_name=native_name,
            owner=owner,
            key=key,
            created_at=clock.utc_now(),
        )
    )


async def release_claims(uow: Uow, owner: str) -> None:
    """Forget the claims of an owner whose guests are gone; none is fine."""
    await repository.delete_claims_of(uow, owner)


async def claimed_names(uow: Uow, cluster_id: str) -> set[str]:
    return {row.native_name for row in await repository.claims(uow, cluster_id)}
