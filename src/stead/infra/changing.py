"""Use cases that change how we stand to a cluster: new credentials, taking over, letting go."""

from collections.abc import Mapping

from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.vault import Vault
from stead.engines import connections
from stead.engines.errors import InvalidError
from stead.infra import connecting as ours, news, repository
from stead.infra.connecting import Connecting
from stead.infra.errors import StillInUseError
from stead.kit.secrets import Secret


async def rotate(
    uow: Uow, actor: Actor, tools: Connecting, name_or_id: str, given: Mapping[str, str]
) -> str:
    """Put new credentials beside the old ones and queue their test; return the operation.

    The old ones go on being used until the new ones were found to work.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await ours.connected(uow, name_or_id)
    connection = connections.of(row.engine)
    known = connection.credentials()
    if other := sorted(given.keys() - known):
        raise InvalidError(f"These are no credentials: {', '.join(other)}")
    if not connection.secrets() & {name for name, text in given.items() if text.strip()}:
        raise InvalidError(f"New credentials need {', '.join(sorted(connection.secrets()))}")
    held = await tools.vault.all_of(uow, row.id)
    old = {name: secret.reveal() for name, secret in held.items()}
    options = connection.check({**row.options, **old, **given})
    await tools.vault.forget(uow, waiting(row.id))
    for name in known & options.keys():
        await tools.vault.put(uow, waiting(row.id), name, Secret(options[name]))
    title = f"Replace the credentials of {row.name}"
    return await ours.submit(uow, actor, tools.rotate_plan, row, title)


async def take_over(uow: Uow, actor: Actor, tools: Connecting, name_or_id: str) -> str:
    """Queue the preflight after which Stead may change things on a cluster."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await ours.connected(uow, name_or_id)
    title = f"Take over the cluster {row.name}"
    return await ours.submit(uow, actor, tools.takeover_plan, row, title)


async def disconnect(
    uow: Uow, actor: Actor, vault: Vault, name_or_id: str, *, forget: bool
) -> None:
    """Drop a cluster's record and its credentials. Nothing is asked of it, or changed there.

    Raises StillInUse while guests on it are ours, unless they are to be forgotten.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await ours.connected(uow, name_or_id)
    if await repository.hosts_any(uow, row.id):
        raise StillInUseError(
            f"Deployments run on {row.name}",
            hint="Remove them first: without its cluster nothing could be done to them",
        )
    managed = [claim.native_name for claim in await repository.claims(uow, row.id)]
    if managed and not forget:
        raise StillInUseError(
            f"{len(managed)} guests on {row.name} are managed by Stead:"
            f" {', '.join(sorted(managed)[:5])}",
            hint="Remove them first, or say that they are to be forgotten; they then run on there",
        )
    for owner in (row.id, waiting(row.id)):
        await vault.forget(uow, owner)
    await repository.delete_cluster(uow, row.id)
    uow.wake(news.CLUSTERS)


def waiting(cluster_id: str) -> str:
    """Return under which name credentials lie that are not in use yet."""
    return f"{cluster_id}:next"
