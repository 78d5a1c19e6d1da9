"""What admins can change about calls to addresses that people name."""

from typing import Final

from stead.core.outbound.addresses import Network
from stead.core.platform_settings import AnySetting, Networks, Number, Setting

_NONE: Final[tuple[Network, ...]] = ()
ALLOWED: Final = Setting(
    "outbound.allowed",
    _NONE,
    Networks(),
    "Networks that may be called",
    "Webhooks and downloads reach the internet only. Networks listed here are reached too, by"
    " everybody who can name an address; leave out what must stay closed to them.",
)
SECONDS: Final = Setting(
    "outbound.seconds",
    10,
    Number(1, 120, "seconds"),
    "Time for one call",
    "A server that takes longer to answer a call is given up, unless that call has a limit of"
    " its own.",
)
ANSWER_KB: Final = Setting(
    "outbound.answer_kb",
    1024,
    Number(1, 65536, "KB"),
    "Size of one answer",
    "An answer to a call that is longer is given up, unless that call has a limit of its own.",
)
SETTINGS: Final[tuple[AnySetting, ...]] = (ALLOWED, SECONDS, ANSWER_KB)
