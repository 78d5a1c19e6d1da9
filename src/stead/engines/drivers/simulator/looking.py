"""A map and a test of a simulated cluster, so that demonstrations have them; all of it is made up.

Every node is given the same size. What was switched off shows up as a missing right.
"""

from typing import Final

from stead.engines.drivers.simulator.calls import POOL, Calls
from stead.engines.values import Checked, GuestFacts, NodeFacts, StorageFacts, Survey, Topic

CORES: Final = 16
MEMORY_MB: Final = 64 * 1024
DISK_GB: Final = 1000
_SIMULATED: Final = "Simulator: made up, nothing is there"


class Looking(Calls):
    """Looks at what is simulated."""

    async def survey(self) -> Survey:
        async with self._call("survey"):
            world = self._world
            guests = [world.see(guest) for guest in world.guests.values()]
            return Survey(
                nodes=tuple(self._node(name) for name in world.nodes),
                storages=tuple(self._storage(name) for name in world.nodes),
                guests=tuple(GuestFacts(one, privileged=False, nested=False) for one in guests),
                quorate=len(world.down) * 2 < len(world.nodes),
            )

    async def examine(self, topic: Topic) -> tuple[Checked, ...]:
        async with self._call("examine", topic):
            world = self._world
            about = {
                Topic.VERSION: [Checked(topic, "Simulator", True, _SIMULATED)],
                Topic.RIGHTS: self._rights(),
                Topic.STORAGES: [self._on(topic, f"{POOL} on {node}") for node in world.nodes],
                Topic.NETWORKS: [self._on(topic, f"bridge on {node}") for node in world.nodes],
                Topic.CLOCK: [Checked(topic, node, True, _SIMULATED) for node in world.nodes],
            }
            return tuple(about[topic])

    def _rights(self) -> list[Checked]:
        return [
            Checked(
                topic=Topic.RIGHTS,
                name=f"right to {entry.ability}",
                ok=entry.ability not in self._without,
                text=_SIMULATED,
                disables=(str(entry.ability),),
                fix="Take it out of the option without",
            )
            for entry in self.record().entries
            if entry.usable or entry.ability in self._without
        ]

    def _on(self, topic: Topic, name: str) -> Checked:
        node = name.rpartition(" ")[2]
        up = node not in self._world.down
        fix = f"Wait until the simulated node {node} is back"
        return Checked(topic, name, up, _SIMULATED if up else "the node is lost", (), fix)

    def _node(self, name: str) -> NodeFacts:
        running = [g for g in self._world.guests.values() if g.node == name and g.running]
        used = sum(guest.size.memory_mb for guest in running)
        up, evacuated = name not in self._world.down, name in self._world.evacuated
        return NodeFacts(name, up, CORES, MEMORY_MB, used, evacuated=evacuated)

    def _storage(self, node: str) -> StorageFacts:
        used = sum(g.size.disk_gb for g in self._world.guests.values() if g.node == node)
        usable = node not in self._world.down
        return StorageFacts(
            POOL, node, "simulated", usable, needed=True, total_gb=DISK_GB, used_gb=used
        )
