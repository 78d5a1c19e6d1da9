"""What a cluster can do: a record per cluster and pool, each entry with its reason."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stead.engines.errors import UnsupportedError


class Ability(StrEnum):
    """Everything that a cluster may or may not be able to do.

    Confinement means that a container is unprivileged with users of its own on the host, cannot
    nest others, and has no way to talk to its engine. Nesting means that it can where that is
    asked for.
    """

    CONTAINERS = "containers"
    VMS = "vms"
    CONFINEMENT = "confinement"
    NESTING = "nesting"
    CPU_LIMIT = "cpu_limit"
    MEMORY_LIMIT = "memory_limit"
    PROCESS_LIMIT = "process_limit"
    DISK_LIMIT = "disk_limit"
    ADDRESS_FILTER = "address_filter"
    NEIGHBOUR_ISOLATION = "neighbour_isolation"
    PROJECT_ISOLATION = "project_isolation"
    NETWORKS = "networks"
    BOOT_LOG = "boot_log"
    FILES = "files"
    EXEC = "exec"
    CONSOLE = "console"
    SNAPSHOTS = "snapshots"
    RESIZE = "resize"
    CLONE = "clone"
    IMAGES = "images"
    BACKUPS = "backups"
    METRICS = "metrics"
    EVENTS = "events"
    EVACUATION = "evacuation"


class Verdict(StrEnum):
    """How far an ability goes."""

    YES = "yes"
    NO = "no"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True)
class Capability:
    """One entry. ``reason`` says why not, or what limits it; people read it in the console."""

    ability: Ability
    verdict: Verdict
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Tell whether calls of this ability work, perhaps within a limit."""
        return self.verdict is not Verdict.NO


NOT_OFFERED: Final = "This driver does not offer it"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The record of one cluster and pool. It answers for every ability.

    What a driver does not mention it cannot do. ``limited`` still works, within what the
    reason says; a call that asks for more raises Unsupported.
    """

    entries: tuple[Capability, ...]
    pool: str = ""

    def of(self, ability: Ability) -> Capability:
        """Return the entry of an ability."""
        found = (entry for entry in self.entries if entry.ability is ability)
        return next(found, no(ability, NOT_OFFERED))

    def require(self, ability: Ability) -> None:
        """Raise Unsupported with the recorded reason unless the ability is usable."""
        entry = self.of(ability)
        if not entry.usable:
            raise UnsupportedError(f"This cluster cannot do {ability}: {entry.reason}")


def yes(ability: Ability) -> Capability:
    """Return the entry of something that works."""
    return Capability(ability, Verdict.YES)


def no(ability: Ability, reason: str) -> Capability:
    """Return the entry of something that does not work, and why."""
    return Capability(ability, Verdict.NO, reason)


def limited(ability: Ability, by: str) -> Capability:
    """Return the entry of something that works within a limit."""
    return Capability(ability, Verdict.LIMITED, by)
