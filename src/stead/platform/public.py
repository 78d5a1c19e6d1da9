"""The platform domain's door."""

from stead.platform.archive import Header
from stead.platform.backup import Place, Taken, take
from stead.platform.recovery import Keeper, RecoveryKey, load, new_key, parse, save
from stead.platform.restore import Restored, Schema, Wish, restore
from stead.platform.service import Platform, look_after_restore
from stead.platform.swap import finish, pending

__all__ = [
    "Header",
    "Keeper",
    "Place",
    "Platform",
    "RecoveryKey",
    "Restored",
    "Schema",
    "Taken",
    "Wish",
    "finish",
    "load",
    "look_after_restore",
    "new_key",
    "parse",
    "pending",
    "restore",
    "save",
    "take",
]
