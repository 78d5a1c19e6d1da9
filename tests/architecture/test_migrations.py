"""A migration drafted from the models sees every table."""

import re
from pathlib import Path

STEAD = Path(__file__).parents[2] / "src" / "stead"


def test_every_domains_tables_are_registered():
    text = (STEAD / "migrations" / "env.py").read_text()
    imported = set(re.findall(r"^from stead\.(\w+) import models as", text, re.MULTILINE))
    # Those of ui are what pages show, not tables.
    there = {path.parent.name for path in STEAD.glob("*/models.py") if path.parent.name != "ui"}
    assert imported == there, (
        "import the domain's models in migrations/env.py, as REGISTERED has them"
    )
