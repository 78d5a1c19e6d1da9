"""Finds guests: Proxmox knows them by number and node, we know them by name and key.

The list of the cluster is immediate but has no descriptions, so each guest that may be ours is
read once and again whenever its line in the list changes.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import calls, mapping
from stead.engines.drivers.proxmox.client import Json, ProxmoxClient, number, rows, table
from stead.engines.drivers.proxmox.errors import is_gone
from stead.engines.drivers.proxmox.families import BY_KIND, BY_NATIVE
from stead.engines.drivers.proxmox.mapping import Found, Record
from stead.engines.drivers.proxmox.pace import Pace
from stead.engines.values import GuestState

# The list is refreshed every ten seconds.
_LAG: Final = 15
_AT_ONCE: Final = 8
# Changes that do not show in the list are noticed after this long.
_FRESH_SECONDS: Final = 300
_PAUSE_SECONDS: Final = 0.25
_SHOWN: Final = ("node", "name", "tags", "lock", "template", "maxmem", "maxcpu", "maxdisk", "type")


@dataclass(frozen=True, slots=True)
class _Read:
    shape: tuple[str, ...]
    at: float
    found: Found


class Directory:
    """Answers who is there, from one cluster."""

    def __init__(self, client: ProxmoxClient, vmids: range, pace: Pace) -> None:
        self._client = client
        self._vmids = vmids
        self.pace = pace
        self._read: dict[int, _Read] = {}
        self._expected: dict[int, tuple[str, Record]] = {}
        self._touched: dict[int, float] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def survey(self) -> tuple[Found, ...]:
        """Return all guests and templates that our credentials can see."""
        answer = rows(await self._client.call(calls.RESOURCES, "list the guests", {"type": "vm"}))
        listed = [row for row in answer if row.get("type") in BY_NATIVE]
        seen = await asyncio.gather(*(self._details(row) for row in listed))
        there = {number(row.get("vmid")) for row in listed}
        self._read = {vmid: read for vmid, read in self._read.items() if vmid in there}
        return tuple(found for found in seen if found is not None)

    async def known(self, found: Found) -> Found:
        """Return a guest with its settings, whosever it is; as it was when they are kept back."""
        if found.config:
            return found
        async with self._gate:
            return await self._look(found) or found

    async def settled(self, limit_seconds: float = 60) -> tuple[Found, ...]:
        """Return all of them, once it is clear whose those are that are just being made.

        While Proxmox unpacks an archive a guest has no name and no description yet.
        """
        until = self.pace.now() + limit_seconds
        everybody = await self.survey()
        while any(self._nameless(found) for found in everybody) and self.pace.now() < until:
            await self.pace.sleep(_PAUSE_SECONDS)
            everybody = await self.survey()
        return everybody

    def expect(self, vmid: int, name: str, record: Record) -> None:
        """Remember who is being made under a number, for as long as Proxmox does not say."""
        self._expected[vmid] = (name, record)

    async def ours(self, name: str) -> Found | None:
        """Return our guest of this name, as it is now; None when there is surely none."""
        known = [read.found for read in self._read.values() if _is(read.found, name)]
        for found in known:
            fresh = await self.fresh(found)
            if fresh is not None and _is(fresh, name):
                return fresh
        return next((found for found in await self.survey() if _is(found, name)), None)

    async def get(self, name: str) -> Found:
        """Return our guest of this name. Raises NotFound, and Conflict for somebody else's."""
        found = await self.ours(name)
        if found is not None:
            return found
        if any(f.name == name and not f.template for f in await self.survey()):
            raise errors.ConflictError(f"The guest {name} was not made by us")
        raise errors.NotFoundError(f"The guest {name} is gone")

    async def fresh(self, found: Found) -> Found | None:
        """Read a guest again; None when it is gone from where it was."""
        family = BY_KIND[found.kind]
        try:
            config = table(
                await self._client.call(
                    family.config, "look it up", node=found.node, vmid=found.vmid
                )
            )
        except errors.NotFoundError as error:
            if not is_gone(error):
                raise
            self._read.pop(found.vmid, None)
            return None
        return self._keep(found.row, found, config)

    async def quiet(
        self, found: Found, limit_seconds: float = 60, pause_seconds: float = _PAUSE_SECONDS
    ) -> Found | None:
        """Wait until nothing has locked a guest. Raises Locked when that takes too long."""
        until = self.pace.now() + limit_seconds
        now = await self.fresh(found)
        while now is not None and _config_lock(now):
            if self.pace.now() > until:
                raise errors.LockedError(
                    f"Proxmox has {now.name or now.vmid} locked for {_config_lock(now)}",
                    native=f"CT is locked ({_config_lock(now)})",
                    hint="If no task is running on it, an administrator must unlock it there",
                )
            await self.pace.sleep(pause_seconds)
            now = await self.fresh(found)
        return now

    async def state(self, found: Found) -> GuestState:
        """Return what a guest does now; the list may be ten seconds behind."""
        family = BY_KIND[found.kind]
        status = table(
            await self._client.call(family.status, "look it up", node=found.node, vmid=found.vmid)
        )
        return mapping.state(str(status.get("status", "")), found)

    async def listed_state(self, found: Found) -> GuestState:
        """Return the state from the list, or from the guest itself if we changed it just now."""
        if (
            found.record is not None
            and self.pace.now() - self._touched.get(found.vmid, -60) < _LAG
        ):
            with suppress(errors.NotFoundError, errors.ForbiddenError):
                return await self.state(found)
        return mapping.state(str(found.row.get("status", "")), found)

    def touched(self, vmid: int) -> None:
        """Note that we changed a guest's state: the list may be behind for a while."""
        self._touched[vmid] = self.pace.now()

    async def _details(self, row: Mapping[str, Json]) -> Found | None:
        family = BY_NATIVE[str(row.get("type"))]
        vmid = number(row.get("vmid"))
        found = Found(vmid, str(row.get("node", "")), family.kind, row)
        read = self._read.get(vmid)
        if read and read.shape == _shape(row) and self.pace.now() - read.at < _FRESH_SECONDS:
            return Found(vmid, found.node, found.kind, row, read.found.config, read.found.record)
        if vmid not in self._vmids and mapping.MARK not in str(row.get("tags", "")):
            # Nobody of ours: only surveys ask more about it.
            return replace(found, config=read.found.config) if read else found
        async with self._gate:
            return await self._look(found)

    async def _look(self, found: Found) -> Found | None:
        try:
            return await self.fresh(found)
        except errors.ForbiddenError:
            return found
        except errors.UnreachableError:
            # Its node is down: what we last knew of it still tells whose it is.
            read = self._read.get(found.vmid)
            if read is None:
                return found
            return Found(
                found.vmid, found.node, found.kind, found.row, read.found.config, read.found.record
            )

    def _keep(self, row: Mapping[str, Json], found: Found, config: Mapping[str, Json]) -> Found:
        record = mapping.read_record(str(config.get("description", "")))
        if record is None and _bare(config) and found.vmid in self._expected:
            name, record = self._expected[found.vmid]
            config = {"hostname": name, **config}
        elif not config.get("lock"):
            self._expected.pop(found.vmid, None)
        now = Found(found.vmid, found.node, found.kind, row, config, record)
        self._read[found.vmid] = _Read(_shape(row), self.pace.now(), now)
        return now

    def _nameless(self, found: Found) -> bool:
        return found.vmid in self._vmids and found.record is None and _bare(found.config)


def _bare(config: Mapping[str, Json]) -> bool:
    named = config.get("hostname") or config.get("name")
    return config.get("lock") == "create" and "rootfs" not in config and not named


def _is(found: Found, name: str) -> bool:
    return found.record is not None and not mapping.is_image(found) and found.name == name


def _config_lock(found: Found) -> str:
    return str(found.config.get("lock") or "")


def _shape(row: Mapping[str, Json]) -> tuple[str, ...]:
    return tuple(str(row.get(name, "")) for name in _SHOWN)
