"""Pure rules of deployments: states, names, sizes."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stead.instances.public import SHAPES, Shape, Size


class DeploymentState(StrEnum):
    """Where a deployment stands."""

    DEPLOYING = "deploying"
    LIVE = "live"
    REMOVING = "removing"
    REMOVE_FAILED = "remove_failed"
    STOPPED = "stopped"
    STOPPING = "stopping"
    STARTING = "starting"
    RESTARTING = "restarting"
    RESTORING = "restoring"
    CHANGING = "changing"


# Where a deployment is if what was done with it ended half-way and could not be taken back.
_HALF_WAY: Final[Mapping[str, DeploymentState]] = {
    DeploymentState.STOPPING: DeploymentState.LIVE,
    DeploymentState.RESTARTING: DeploymentState.LIVE,
    DeploymentState.RESTORING: DeploymentState.LIVE,
    DeploymentState.STARTING: DeploymentState.STOPPED,
}


def resting(state: str) -> DeploymentState | None:
    """Return how a deployment was last left, running or stopped; None when it never was."""
    if state in {DeploymentState.LIVE, DeploymentState.STOPPED}:
        return DeploymentState(state)
    return _HALF_WAY.get(state)


class Stage(StrEnum):
    """How far a change of a deployment has come."""

    WANTED = "wanted"
    APPLYING = "applying"
    MADE = "made"
    RESTORED = "restored"


def limit_owner(deployment_id: str) -> str:
    """Return under which name a deployment's use of the project's limits is written down."""
    return f"deployment:{deployment_id}"


class SnapshotState(StrEnum):
    """Where a snapshot stands."""

    TAKING = "taking"
    READY = "ready"
    DELETING = "deleting"


def snapshot_owner(snapshot_id: str) -> str:
    """Return under which name a snapshot's place in the project's limits is written down."""
    return f"snapshot:{snapshot_id}"


def native_snapshot(snapshot_id: str) -> str:
    """Return what the engine calls a snapshot: never used twice."""
    return f"snap-{snapshot_id}"


def change_owner(deployment_id: str) -> str:
    """Return under which name the vault keeps the secrets of a change."""
    return f"change:{deployment_id}"


def lacking(shape: Shape, *, ram_mb: int, disk_mb: int, cores: int) -> dict[str, str]:
    """Return what of a shape is less than a package needs, by the name of its field."""
    needs = {"cores": cores, "memory_mb": ram_mb, "disk_gb": -(-disk_mb // 1024)}
    return {
        name: f"It needs {least} at least"
        for name, least in needs.items()
        if getattr(shape, name) < least
    }


def beyond(shape: Shape, before: Shape, most: Shape) -> dict[str, str]:
    """Return what grows above the largest size that may be deployed, by the name of its field."""
    return {
        name: f"{getattr(most, name)} at most may be given here"
        for name in ("cores", "memory_mb", "disk_gb")
        if getattr(shape, name) > max(getattr(most, name), getattr(before, name))
    }


def free_name(wanted: str, taken: Container[str]) -> str:
    """Return the wanted name, or the first of ``name-2``, ``name-3`` … that is free."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be deployed: no size above the largest, and none of the refused apps."""

    largest: Size = Size.LARGE
    refused: frozenset[str] = frozenset()

    def has(self, size: Size) -> bool:
        """Tell whether a size may be deployed."""
        ladder = list(Size)
        return ladder.index(size) <= ladder.index(self.largest)


EVERYTHING: Final = Allowed()


def fits(size: Size, *, ram_mb: int, disk_mb: int, cores: int) -> bool:
    """Tell whether a size meets a package's demands."""
    return holds(SHAPES[size], ram_mb, disk_mb, cores)


def holds(shape: Shape, ram_mb: int, disk_mb: int, cores: int) -> bool:
    """Tell whether there is room for a package's demands in a guest of this shape."""
    return shape.memory_mb >= ram_mb and shape.disk_gb * 1024 >= disk_mb and shape.cores >= cores


def smallest_size(*, ram_mb: int, disk_mb: int, cores: int) -> Size | None:
    """Return the smallest size that meets a package's demands."""
    sizes: Sequence[Size] = list(Size)
    fitting = (s for s in sizes if fits(s, ram_mb=ram_mb, disk_mb=disk_mb, cores=cores))
    return next(fitting, None)
