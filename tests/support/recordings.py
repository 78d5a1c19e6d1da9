"""Where the recorded answers of a real Proxmox VE are, if they are here at all."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def folder() -> Path | None:
    """Return ``STEAD_PVE_RECORDINGS`` or ``../shared/pve`` beside the repository."""
    found = Path(os.environ.get("STEAD_PVE_RECORDINGS", REPOSITORY.parent / "shared" / "pve"))
    return found if (found / "recordings").is_dir() else None
