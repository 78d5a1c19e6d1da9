"""Pure rules of bundles."""

from collections.abc import Container
from enum import StrEnum


class BundleState(StrEnum):
    """Where a bundle stands."""

    DEPLOYING = "deploying"
    LIVE = "live"
    REMOVING = "removing"
    REMOVE_FAILED = "remove_failed"


def deployment_name(bundle: str, member: str) -> str:
    """Return what the deployment of a member is called."""
    return f"{bundle}-{member}"


def free_name(wanted: str, members: list[str], taken: Container[str]) -> str:
    """Return the wanted name, or the first of ``name-2`` … under which no member is taken."""
    name, number = wanted, 1
    while name in taken or any(deployment_name(name, one) in taken for one in members):
        number += 1
        name = f"{wanted}-{number}"
    return name
