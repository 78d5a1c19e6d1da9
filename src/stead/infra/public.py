"""The infra domain's door."""

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
    "claim",
    "claimed_names",
    "ensure_local_cluster",
    "local_cluster_id",
    "release_claims",
]
