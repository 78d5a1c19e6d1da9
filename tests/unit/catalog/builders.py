"""Builds manifests and package folders for the tests of the catalog."""

from pathlib import Path

import yaml

from stead.catalog import document, lint
from stead.catalog.schemas import Manifest

SCRIPT = "#!/bin/bash\nset -euo pipefail\n"


def described(**changes: object) -> dict[str, object]:
    """Return the smallest manifest with some keys replaced."""
    return {
        "id": "demo",
        "name": "Demo",
        "version": "1.0.0",
        "description": "For tests",
        "category": "web",
        "author": "Tests",
        "os_requirements": {"family": ["debian"], "min_version": "12"},
        "timeout_seconds": 60,
        "idempotent": True,
        **changes,
    }


def asked(name: str = "value", kind: str = "string", **changes: object) -> dict[str, object]:
    """Return one input."""
    return {"name": name, "type": kind, "label": "Label", **changes}


def text(value: dict[str, object]) -> bytes:
    """Write a manifest as its author would."""
    return yaml.safe_dump(value, sort_keys=False).encode()


def manifest(*inputs: dict[str, object], **changes: object) -> Manifest:
    """Return a checked manifest with these inputs."""
    source = text(described(inputs=list(inputs), **changes))
    return lint.parse(document.read("manifest.yml", source))


def folder(place: Path, name: str = "demo", **changes: object) -> Path:
    """Write a package folder and return it."""
    path = place / name
    path.mkdir(parents=True)
    (path / "manifest.yml").write_bytes(text(described(**{"id": name, **changes})))
    (path / "install.sh").write_text(SCRIPT)
    return path
