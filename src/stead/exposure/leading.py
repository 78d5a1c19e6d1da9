"""Use cases of routes whose owner changes: lead them elsewhere, add some, take some away."""

from collections.abc import Collection, Sequence

from stead.core.db import Uow
from stead.core.vault import Vault
from stead.exposure import repository, service
from stead.exposure.models import RouteRow
from stead.exposure.service import RouteRequest

# A service and its protocol.
Key = tuple[str, str]


async def lead(uow: Uow, owner: str, requests: Sequence[RouteRequest]) -> None:
    """Let an owner's routes lead to where these say; names and ports outside stay."""
    wanted = {(one.service, one.protocol): one for one in requests}
    led = [_lead(row, wanted) for row in await repository.routes_of(uow, owner)]
    if any(led):
        await uow.session.flush()
        await service.bump(uow)


async def pass_on(uow: Uow, giver: str, taker: str, services: Collection[Key]) -> None:
    """Give routes that lead nowhere yet to another owner; published ones are withdrawn first."""
    rows = [
        row
        for row in await repository.routes_of(uow, giver)
        if (row.service, row.protocol) in services
    ]
    shown = any(row.state != "reserved" for row in rows)
    for row in rows:
        row.owner, row.state = taker, "reserved"
    await uow.session.flush()
    if shown:
        await service.bump(uow)


async def drop(uow: Uow, vault: Vault, owner: str, services: Collection[Key]) -> None:
    """Free the names and ports of some of an owner's routes; twice is fine."""
    rows = [
        row
        for row in await repository.routes_of(uow, owner)
        if (row.service, row.protocol) in services
    ]
    for row in rows:
        await service.free_certificate(uow, vault, row)
        await uow.session.delete(row)
    if rows:
        await uow.session.flush()
        await service.bump(uow)


def _lead(row: RouteRow, wanted: dict[Key, RouteRequest]) -> bool:
    to = wanted.get((row.service, row.protocol))
    if to is None:
        return False
    led = (str(to.backend_ip), to.backend_port, to.path, to.probe_send, to.probe_expect)
    before = (row.backend_ip, row.backend_port, row.path, row.probe_send, row.probe_expect)
    row.backend_ip, row.backend_port, row.path, row.probe_send, row.probe_expect = led
    return led != before
