"""The part of the executor that must be right stays small enough to be read in one go."""

from pathlib import Path

import stead.core.durable

HEART = ("run", "store", "worker", "leash")


def test_the_heart_of_the_executor_keeps_to_its_budget():
    folder = Path(stead.core.durable.__file__).parent
    lines = {name: len((folder / f"{name}.py").read_text().splitlines()) for name in HEART}
    assert sum(lines.values()) <= 900, lines
