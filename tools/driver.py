"""Begins a driver: a folder that is found, says what it lacks, and fails conformance by name.

``python -m tools.driver NAME`` writes ``src/stead/engines/drivers/NAME`` and the one line that
announces it; docs/recipes/add-a-driver.md goes on from there.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Final

SAMPLE: Final = Path(__file__).parent / "sample_driver"
ROOT: Final = Path(__file__).parents[1]
NAME: Final = re.compile(r"[a-z][a-z0-9]{1,19}")
_TABLE: Final = '[project.entry-points."stead.engines"]\n'


class DraftError(Exception):
    """The driver cannot be begun there."""


def write(name: str, root: Path = ROOT) -> list[Path]:
    """Write folder and line; return what was touched. Nothing is written over."""
    if not NAME.fullmatch(name):
        raise DraftError(f"{name!r} is not a short word of small letters and digits")
    folder, project = root / "src/stead/engines/drivers" / name, root / "pyproject.toml"
    before = project.read_text(encoding="utf-8")
    if folder.exists():
        raise DraftError(f"{folder} is there already")
    if re.search(rf"^{name} = \"stead\.engines\.", before, re.MULTILINE):
        raise DraftError(f"{project} names {name} already")
    folder.mkdir()
    for path in sorted(one for one in SAMPLE.iterdir() if one.is_file()):
        text = re.sub(r"\bsample", name, path.read_text(encoding="utf-8"))
        target = folder / path.name
        target.write_text(re.sub(r"\bSample", name.capitalize(), text), encoding="utf-8")
    line = f'{name} = "stead.engines.drivers.{name}.driver:open_driver"\n'
    project.write_text(before.replace(_TABLE, _TABLE + line), encoding="utf-8")
    return [*sorted(folder.iterdir()), project]


def main() -> int:
    """Begin a driver of the given name."""
    parser = argparse.ArgumentParser(description="Begin a driver for another engine.")
    parser.add_argument("name", help="a short word, such as openstack")
    name = parser.parse_args().name
    try:
        for path in write(name):
            sys.stdout.write(f"Wrote {path.relative_to(ROOT)}\n")
    except DraftError as error:
        parser.error(str(error))
    sys.stdout.write(
        "Now: make setup, then: .venv/bin/stead admin conformance "
        f"--engine {name} --option url=https://… --option token=…\n"
        "It says what to write next; docs/recipes/add-a-driver.md says how.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
