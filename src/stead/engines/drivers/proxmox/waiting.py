"""What of a guest's settings waits for its next start."""

from dataclasses import dataclass

from stead.engines.drivers.proxmox.client import number, rows
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.part import Part


@dataclass(frozen=True, slots=True)
class Waiting:
    """One setting: as it is in effect, and as it will be; empty where it is not set."""

    name: str
    now: str
    then: str


class WaitingCalls(Part):
    """Changes that a running guest has not taken yet."""

    async def waiting(self, name: str) -> tuple[Waiting, ...]:
        """Return what the next start of a guest changes. Raises NotFound."""
        found = await self.engine.directory.get(name)
        answer = await self.engine.client.call(
            BY_KIND[found.kind].pending, "show what is pending", node=found.node, vmid=found.vmid
        )
        changed = [
            Waiting(str(row.get("key")), str(row.get("value", "")), str(row.get("pending", "")))
            for row in rows(answer)
            if "pending" in row or number(row.get("delete"))
        ]
        return tuple(sorted(changed, key=lambda one: one.name))
