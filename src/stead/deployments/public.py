"""The deployments domain's door."""

from stead.deployments.errors import BusyError, InvalidRequestError
from stead.deployments.packages import Installed, find_package_on, list_uses
from stead.deployments.schemas import AcceptedOut, DeploymentIn, DeploymentOut, OutputOut
from stead.deployments.service import (
    Deployments,
    create,
    find_by_instance,
    find_project_id,
    get_,
    list_,
    remove,
    reveal,
)
from stead.deployments.settings import SETTINGS

__all__ = [
    "SETTINGS",
    "AcceptedOut",
    "BusyError",
    "DeploymentIn",
    "DeploymentOut",
    "Deployments",
    "Installed",
    "InvalidRequestError",
    "OutputOut",
    "create",
    "find_by_instance",
    "find_package_on",
    "find_project_id",
    "get_",
    "list_",
    "list_uses",
    "remove",
    "reveal",
]
