"""The infra domain's door."""

from stead.infra.drift import (
    Drift,
    Presence,
    find_drift,
    find_presence,
    foreign_addresses,
    record_sightings,
)
from stead.infra.service import (
    LOCAL,
    claim,
    claimed_names,
    ensure_local_cluster,
    local_cluster_id,
    release_claims,
)

__all__ = [
    "LOCAL",
    "Drift",
    "Presence",
    "claim",
    "claimed_names",
    "ensure_local_cluster",
    "find_drift",
    "find_presence",
    "foreign_addresses",
    "local_cluster_id",
    "record_sightings",
    "release_claims",
]
