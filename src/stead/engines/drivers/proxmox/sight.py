"""Tells guests that are gone from guests that we may not see any more.

Proxmox leaves out of its lists what a token may not see and says nothing about it. So whenever
guests are missing from one, our right to see them is looked up first.
"""

from collections.abc import Collection

from stead.engines import errors
from stead.engines.drivers.proxmox import access
from stead.engines.drivers.proxmox.engine import Engine
from stead.engines.drivers.proxmox.mapping import Found


async def require(engine: Engine, listed: Collection[Found]) -> None:
    """Pass if this list can be believed. Raises Blind when a right to see guests is gone."""
    now = frozenset(found.vmid for found in listed)
    if now and engine.seen is not None and engine.seen <= now:
        engine.seen = now
        return
    if not await access.sees_guests(engine.client, engine.site):
        where = f"/pool/{engine.site.pool}" if engine.site.pool else "/vms"
        raise errors.BlindError(
            f"Proxmox shows us {len(now)} guests, and our token may not see all of them:"
            f" it lacks VM.Audit on {where}",
            hint=f"Give the token's user a role with VM.Audit on {where} in Proxmox",
        )
    engine.seen = now
