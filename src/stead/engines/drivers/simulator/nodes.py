"""Nodes of the simulated cluster that are emptied and taken back."""

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator.calls import DONE, Calls
from stead.engines.values import EngineTask


class Nodes(Calls):
    """Empties nodes."""

    async def evacuate(self, node: str) -> EngineTask:
        async with self._call("evacuate", node, Ability.EVACUATION) as fault:
            if (task := self._under_way(node, "evacuate")) is not None:
                return task
            if node in self._world.evacuated:
                return DONE
            if not any(one != node for one in self._world.taking()):
                raise errors.ConflictError(
                    f"No other node of the simulated cluster can take what runs on {node}"
                )
            task = self._accept("evacuate", node, fault)
            self._world.evacuated.add(node)
            return task

    async def restore_node(self, node: str) -> EngineTask:
        async with self._call("restore_node", node, Ability.EVACUATION) as fault:
            if (task := self._under_way(node, "take_back")) is not None:
                return task
            if node not in self._world.evacuated:
                return DONE
            return self._accept("take_back", node, fault)

    def _under_way(self, node: str, kind: str) -> EngineTask | None:
        """Return the task that does so already.

        Raises NotFound, Unreachable, and Locked while the opposite is under way.
        """
        world = self._world
        if node not in world.nodes:
            raise errors.NotFoundError(f"There is no simulated node {node}")
        if node in world.down:
            raise errors.UnreachableError(f"The node {node} is lost")
        kinds = {"evacuate", "take_back"}
        found = [
            task
            for task in world.tasks.values()
            if task.guest == node and task.kind in kinds and not task.ended
        ]
        if any(task.kind != kind for task in found):
            raise errors.LockedError(f"The node {node} is locked by a simulated task")
        return EngineTask(found[0].id) if found else None
