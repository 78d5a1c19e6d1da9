"""What a project lets a restricted certificate do: it follows from the project's settings.

Each setting that matters is looked at; what does not work with it is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stead.engines.capabilities import Ability
from stead.engines.drivers.incus.client import Json
from stead.engines.values import Checked, Topic

LIFE: Final = str(Ability.CONTAINERS)
_ALLOW: Final = frozenset(("allow",))
_MANAGED: Final = frozenset(("allow", "managed"))


@dataclass(frozen=True, slots=True)
class Need:
    """A setting, the values with which we can work, and what it is when nobody set it."""

    setting: str
    good: frozenset[str]
    unset: str
    disables: tuple[str, ...]
    fix: str


_RESTRICTED: Final = (
    Need("restricted.devices.disk", _MANAGED, "managed", (LIFE,), "set it to managed"),
    Need("restricted.devices.nic", _MANAGED, "managed", (LIFE,), "set it to managed"),
    Need("restricted.snapshots", _ALLOW, "block", (Ability.SNAPSHOTS,), "set it to allow"),
    Need("restricted.backups", _ALLOW, "block", (Ability.BACKUPS,), "set it to allow"),
    Need(
        "restricted.containers.nesting", _ALLOW, "block", (Ability.NESTING,), "allow it if wanted"
    ),
)
_ANY: Final = (
    # A project with networks of its own takes only those of OVN.
    Need("features.networks", frozenset(("false",)), "false", (LIFE,), "make it false"),
    Need("features.images", frozenset(("true",)), "false", (Ability.IMAGES,), "make it true"),
    # It refuses guests whose processors are limited in time, as ours are.
    Need("limits.cpu", frozenset(("",)), "", (LIFE,), "unset it: our guests have limits"),
)


def check(project: str, config: Mapping[str, Json]) -> tuple[Checked, ...]:
    """Return how each setting is, and what does not work because of it."""
    binding = (*_RESTRICTED, *_ANY) if config.get("restricted") == "true" else _ANY
    return tuple(_check(project, config, one) for one in binding)


def missing(project: str, config: Mapping[str, Json]) -> dict[Ability, str]:
    """Return the abilities that the settings take away, and why."""
    return {
        Ability(what): f"{one.name} is {one.text}: {one.fix}"
        for one in check(project, config)
        if not one.ok
        for what in one.disables
        if what in set(Ability)
    }


def _check(project: str, config: Mapping[str, Json], need: Need) -> Checked:
    value = str(config.get(need.setting) or need.unset)
    return Checked(
        topic=Topic.RIGHTS,
        name=f"{need.setting} of the project {project}",
        ok=value in need.good,
        text=value or "not set",
        disables=tuple(map(str, need.disables)),
        fix=f"With incus project edit {project}, {need.fix}",
    )
