"""What guests use, and the log of their last start."""

from dataclasses import dataclass
from typing import Final

from stead.engines import errors
from stead.engines.drivers.proxmox import calls, mapping
from stead.engines.drivers.proxmox.client import number, rows
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part
from stead.engines.drivers.proxmox.tasks import parse
from stead.engines.values import GuestState, GuestUsage

_STARTS: Final = ("vzstart", "qmstart")


@dataclass(frozen=True, slots=True)
class _Sample:
    uptime: int
    seconds: float


class UsageCalls(Part):
    """The port's metrics and boot log."""

    _samples: dict[int, _Sample] | None = None

    async def usage(self) -> tuple[GuestUsage, ...]:
        """Return the use of every running guest; processor time is summed up between calls.

        Proxmox tells the present load only, as a share of what the guest may use.
        """
        found = await self.engine.directory.survey()
        before, after = self._samples or {}, dict[int, _Sample]()
        told: list[GuestUsage] = []
        for guest in found:
            if mapping.is_image(guest) or not await self._listed_as_running(guest):
                continue
            row, uptime = guest.row, number(guest.row.get("uptime"))
            load = row.get("cpu")
            cores = number(row.get("maxcpu"), 1)
            last = before.get(guest.vmid, _Sample(0, 0.0))
            if uptime < last.uptime:
                last = _Sample(0, 0.0)
            busy = (
                float(load) * cores * (uptime - last.uptime)
                if isinstance(load, int | float)
                else 0.0
            )
            after[guest.vmid] = _Sample(uptime, last.seconds + busy)
            told.append(
                GuestUsage(
                    name=guest.name,
                    cpu_seconds=after[guest.vmid].seconds,
                    memory_bytes=number(row.get("mem")),
                    disk_bytes=number(row.get("disk")),
                    received_bytes=number(row.get("netin")),
                    sent_bytes=number(row.get("netout")),
                )
            )
        self._samples = after
        return tuple(told)

    async def _listed_as_running(self, guest: Found) -> bool:
        return await self.engine.directory.listed_state(guest) is GuestState.RUNNING

    async def boot_log(self, name: str) -> str:
        """Return what the last start wrote; Proxmox keeps nothing of a guest's own console."""
        try:
            found = await self.engine.directory.get(name)
            answer = await self.engine.client.call(
                calls.TASKS,
                "list its tasks",
                {"source": "all", "vmid": found.vmid, "limit": 20},
                node=found.node,
            )
            starts = [row for row in rows(answer) if row.get("type") in _STARTS]
            if not starts:
                return ""
            return await self.engine.tasks.log(parse(str(starts[0].get("upid"))))
        except errors.EngineError:
            return ""
