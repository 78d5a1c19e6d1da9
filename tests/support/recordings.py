"""Where recorded answers of a real Proxmox VE and its schema lie, if they lie anywhere near."""

import os
from pathlib import Path

import pytest

_GIVEN = os.environ.get("STEAD_PVE_RECORDINGS", "")
RECORDINGS = Path(_GIVEN) if _GIVEN else Path(__file__).parents[3] / "shared" / "pve"

needs_recordings = pytest.mark.skipif(
    not (RECORDINGS / "apidoc.json").exists(),
    reason=f"no recordings of a Proxmox VE at {RECORDINGS}",
)
