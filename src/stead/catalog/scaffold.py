"""Writes a small package that works: a page, its check, its backup and its proof."""

from pathlib import Path
from typing import Final

from stead.kit.text import is_name

SAMPLE: Final = Path(__file__).parent / "sample"
_ID: Final = "sample-app"


class ScaffoldError(Exception):
    """The package cannot be written there."""


def write(folder: Path) -> list[str]:
    """Write the package into a new folder named like its id; return the files' names."""
    if not is_name(folder.name):
        raise ScaffoldError(
            f"{folder.name} cannot be an id; use small letters, digits and hyphens, at most 40"
        )
    if folder.exists():
        raise ScaffoldError(f"{folder} is there already; choose a new folder")
    names = sorted(str(one.relative_to(SAMPLE)) for one in SAMPLE.rglob("*") if one.is_file())
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (SAMPLE / name).read_text(encoding="utf-8")
        title = folder.name.replace("-", " ").capitalize()
        target.write_text(
            text.replace(_ID, folder.name).replace("Sample app", title), encoding="utf-8"
        )
        target.chmod(0o755 if name.endswith(".sh") else 0o644)
    return names
