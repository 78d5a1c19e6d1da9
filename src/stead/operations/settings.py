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
PER_NODE: Final = Setting(
    "operations.per_node",
    8,
    Number(1, 100, "at a time"),
    "Changes to a node at once",
    "So many guests are made, started or deleted on a node at a time; further ones wait. Where"
    " the cluster chooses the node of a new guest, so many are made on the whole cluster.",
)
PER_TEMPLATE: Final = Setting(
    "operations.per_template",
    4,
    Number(1, 100, "at a time"),
    "Guests made from a template at once",
    "So many guests are made from the same image or template at a time; further ones wait."
    " Choose 1 where an engine locks what it copies.",
)
SETTINGS: Final[tuple[AnySetting, ...]] = (KEEP_DAYS, PER_NODE, PER_TEMPLATE)
