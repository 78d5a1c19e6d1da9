"""The infra domain's door."""

from stead.infra.abilities import why_not
from stead.infra.capacity import admit
from stead.infra.drift import (
    Drift,
    Presence,
    find_drift,
    find_presence,
    foreign_addresses,
)
from stead.infra.errors import FullError, MaintenanceError, NotHostingError
from stead.infra.hosting import (
    Hosting,
    Target,
    known_target,
    leave_place,
    name_of,
    node_of,
    number_of,
    of as hosting_of,
    pass_place,
    take_place,
    takes_deployments,
    target,
    targets,
)
from stead.infra.inventory import Look, forget_looks, record
from stead.infra.nesting import require_nesting
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
    "FullError",
    "Hosting",
    "Look",
    "MaintenanceError",
    "NotHostingError",
    "Presence",
    "Target",
    "Wanted",
    "admit",
    "claim",
    "ensure_local_cluster",
    "find_drift",
    "find_presence",
    "foreign_addresses",
    "forget_looks",
    "hosting_of",
    "known_target",
    "leave",
    "leave_place",
    "local_cluster_id",
    "name_of",
    "node_of",
    "number_of",
    "pass_place",
    "record",
    "release_claims",
    "require_nesting",
    "require_open",
    "take_place",
    "takes_deployments",
    "target",
    "targets",
    "topic",
    "want",
    "why_not",
]
