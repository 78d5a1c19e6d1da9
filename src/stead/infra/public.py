"""The infra domain's door."""

from stead.infra.capacity import admit
from stead.infra.drift import (
    Drift,
    Presence,
    find_drift,
    find_presence,
    foreign_addresses,
)
from stead.infra.errors import MaintenanceError
from stead.infra.inventory import Look, forget_looks, record
from stead.infra.news import topic
from stead.infra.rules import Wanted
from stead.infra.schemas import AmountOut
from stead.infra.service import (
    LOCAL,
    claim,
    ensure_local_cluster,
    leave,
    local_cluster_id,
    release_claims,
    require_open,
    want,
)

__all__ = [
    "LOCAL",
    "AmountOut",
    "Drift",
    "Look",
    "MaintenanceError",
    "Presence",
    "Wanted",
    "admit",
    "claim",
    "ensure_local_cluster",
    "find_drift",
    "find_presence",
    "foreign_addresses",
    "forget_looks",
    "leave",
    "local_cluster_id",
    "record",
    "release_claims",
    "require_open",
    "topic",
    "want",
]
