"""Pure rules of identity: names, passwords, roles, limits, how long a lock lasts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from stead.core.policy import Role
from stead.kit.words import say

LONGEST_PASSWORD: Final = 200
_FEWEST_CHARACTERS: Final = 5
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
LOGIN_HELP: Final = say(
    "Up to 64 lower-case letters, digits, dots, hyphens and @, beginning with a letter or digit"
)

# The first that fits: most browsers name several others too.
_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class Resource(StrEnum):
    """What a project's use of is limited."""

    INSTANCES = "instances"
    CORES = "cores"
    MEMORY = "memory_mb"
    DISK = "disk_gb"
    ADDRESSES = "addresses"
    ROUTES = "routes"
    SNAPSHOTS = "snapshots"


LABELS: Final[Mapping[Resource, str]] = {
    Resource.INSTANCES: say("instances"),
    Resource.CORES: say("cores"),
    Resource.MEMORY: say("MB of memory"),
    Resource.DISK: say("GB of disk"),
    Resource.ADDRESSES: say("addresses"),
    Resource.ROUTES: say("routes"),
    Resource.SNAPSHOTS: say("snapshots"),
}


@dataclass(frozen=True, slots=True)
class Excess:
    """One resource of which there would be too much."""

    resource: Resource
    limit: int
    used: int
    asked: int

    @property
    def sentence(self) -> str:
        """Return limit and use in words."""
        what = LABELS[self.resource]
        return f"{self.used} of {self.limit} {what} are in use, and this needs {self.asked} more"


def excesses(
    limits: Mapping[str, int], used: Mapping[str, int], asked: Mapping[str, int]
) -> list[Excess]:
    """Return every limit that would be broken; asking for nothing breaks none."""
    return [
        Excess(resource, limits[resource], used.get(resource, 0), asked[resource])
        for resource in Resource
        if asked.get(resource, 0) > 0
        and resource in limits
        and used.get(resource, 0) + asked[resource] > limits[resource]
    ]


def browser_name(agent: str) -> str:
    """Return what people call the browser that calls itself this."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if not browser:
        return agent.partition("/")[0][:40] or "Unknown"
    return f"{browser} on {system}" if system else browser


def is_login(name: str) -> bool:
    """Tell whether somebody new can be called this."""
    return _LOGIN.fullmatch(name) is not None


def password_problem(password: str, name: str, shortest: int) -> str | None:
    """Return what is wrong with a new password, or None."""
    if len(password) < shortest:
        return f"Use {shortest} characters at least; several words are easy to remember"
    if len(password) > LONGEST_PASSWORD:
        return f"Use {LONGEST_PASSWORD} characters at most"
    if len(set(password.lower())) < _FEWEST_CHARACTERS:
        return "This repeats itself; use more different characters"
    if name and name.lower() in password.lower():
        return "Leave the name out of the password"
    return None


def at_least(role: Role, least: Role) -> bool:
    """Tell whether a role is as high as another, or higher."""
    ladder = list(Role)
    return ladder.index(role) <= ladder.index(least)


def higher(one: Role, other: Role) -> Role:
    """Return the higher of two roles."""
    return one if at_least(one, other) else other


def lock_time(failures: int, free: int, longest: timedelta) -> timedelta:
    """Return how long to refuse after so many failures: doubling from a second up."""
    beyond = failures - free
    if beyond < 0:
        return timedelta(0)
    # More doublings than this are longer than any longest, and overflow in the end.
    return min(timedelta(seconds=2 ** min(beyond, 30)), longest)
