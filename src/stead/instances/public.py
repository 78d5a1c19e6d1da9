"""The instances domain's door."""

from stead.instances.errors import NameTakenError
from stead.instances.handing import drop_taken, hand_over
from stead.instances.rules import SHAPES, Shape, Size
from stead.instances.service import Instance, Wish, find, list_, release, reserve, reshape
from stead.instances.warm import take as take_warm

__all__ = [
    "SHAPES",
    "Instance",
    "NameTakenError",
    "Shape",
    "Size",
    "Wish",
    "drop_taken",
    "find",
    "hand_over",
    "list_",
    "release",
    "reserve",
    "reshape",
    "take_warm",
]
