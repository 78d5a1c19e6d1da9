"""The fleet domain's door."""

from stead.fleet.installs import list_uses
from stead.fleet.schemas import MachineKind, MachineOut, ServerIn
from stead.fleet.service import Machine, find_machine, list_

__all__ = [
    "Machine",
    "MachineKind",
    "MachineOut",
    "ServerIn",
    "find_machine",
    "list_",
    "list_uses",
]
