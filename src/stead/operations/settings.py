"""What admins can change about operations."""

from typing import Final

from stead.core.platform_settings import AnySetting, Number, Setting

KEEP_DAYS: Final = Setting(
    "operations.keep_days",
    90,
    Number(1, 3650, "days"),
    "Keep operations",
    "Operations that ended longer ago are forgotten each night, with their steps and logs."
    " The audit trail keeps what they did.",
)
SETTINGS: Final[tuple[AnySetting, ...]] = (KEEP_DAYS,)
