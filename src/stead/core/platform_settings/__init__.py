"""Platform settings: rows that admins change while everything runs, with a history.

A domain declares ``Setting`` objects in a module of its own and asks for what holds now with
``await platform_settings.get(uow, THE_SETTING)``; ``stead.platform`` collects and changes them.
"""

from stead.core.platform_settings.declared import AnySetting, Setting, collect
from stead.core.platform_settings.kinds import (
    Choice,
    Json,
    Limit,
    Names,
    Network,
    Networks,
    Number,
    Subdomain,
    UnacceptableError,
)
from stead.core.platform_settings.store import get

__all__ = [
    "AnySetting",
    "Choice",
    "Json",
    "Limit",
    "Names",
    "Network",
    "Networks",
    "Number",
    "Setting",
    "Subdomain",
    "UnacceptableError",
    "collect",
    "get",
]
