"""The instances domain's door."""

from stead.instances.errors import NameTakenError
from stead.instances.rules import SHAPES, Shape, Size
from stead.instances.service import Instance, Wish, find, list_, release, reserve

__all__ = [
    "SHAPES",
    "Instance",
    "NameTakenError",
    "Shape",
    "Size",
    "Wish",
    "find",
    "list_",
    "release",
    "reserve",
]
