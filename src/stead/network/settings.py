"""What admins can change about networks."""

from typing import Final

from stead.core.platform_settings import AnySetting, Network, Networks, Setting

_NONE: Final[tuple[Network, ...]] = ()
RESERVED: Final = Setting(
    "address.reserved",
    _NONE,
    Networks(),
    "Networks that projects never get",
    "Parts of the server's range that something else uses. Projects that have a network keep it.",
)
SETTINGS: Final[tuple[AnySetting, ...]] = (RESERVED,)
