"""The deployments domain's door."""

from stead.deployments.errors import BusyError, InvalidRequestError
from stead.deployments.governance import app_refusal
from stead.deployments.packages import Installed, find_package_on, list_uses
from stead.deployments.schemas import (
    AcceptedOut,
    DeploymentIn,
    DeploymentOut,
    OutputOut,
    RevealedOut,
)
from stead.deployments.service import (
    Begun,
    Deployments,
    begin,
    begin_removal,
    create,
    find_by_instance,
    find_project_id,
    get_,
    list_,
    remove,
    reveal,
)
from stead.deployments.settings import REFUSED_APPS, SETTINGS
from stead.deployments.wiring import Given, give, state_of, taken_names

__all__ = [
    "REFUSED_APPS",
    "SETTINGS",
    "AcceptedOut",
    "Begun",
    "BusyError",
    "DeploymentIn",
    "DeploymentOut",
    "Deployments",
    "Given",
    "Installed",
    "InvalidRequestError",
    "OutputOut",
    "RevealedOut",
    "app_refusal",
    "begin",
    "begin_removal",
    "create",
    "find_by_instance",
    "find_package_on",
    "find_project_id",
    "get_",
    "give",
    "list_",
    "list_uses",
    "remove",
    "reveal",
    "state_of",
    "taken_names",
]
