"""Looks at the start of watching for what a control plane that died had left open."""

from stead.core import log
from stead.core.db import Database
from stead.engines.abilities import Enrols
from stead.engines.errors import EngineError
from stead.engines.port import EngineDriver
from stead.infra import news, repository
from stead.infra.news import Item, Kind
from stead.infra.rules import IN_HAND, Mode

logger = log.get(__name__)


async def sweep(database: Database, engine: EngineDriver, cluster_id: str) -> None:
    """Delete users of consoles that were left over, and tell of guests with an open one.

    A guest that an operation has in hand is closed by that operation. A cluster that is only
    looked at is left alone, and one that does not answer is looked at another time.
    """
    async with database.read() as uow:
        row = await repository.get_cluster(uow, cluster_id)
        claims = await repository.claims(uow, cluster_id)
    if row.mode != Mode.MANAGED or not isinstance(engine, Enrols):
        return
    try:
        swept = await engine.sweep()
    except EngineError as error:
        logger.info("sweep.put_off", cluster=row.name, reason=error.message)
        return
    in_hand = {claim.native_name for claim in claims if claim.wanted in IN_HAND}
    left = [name for name in swept.open_guests if name not in in_hand]
    items = [Item(Kind.RISK, _OPEN.format(name), name) for name in left]
    if swept.deleted_users:
        number = swept.deleted_users
        items.append(Item(Kind.RISK, f"{number} users of consoles were left over and deleted"))
    if items:
        async with database.write() as uow:
            await news.tell(uow, cluster_id, items)


_OPEN = "The console of {} is a root shell: remove its deployment, or set its cmode and restart it"
