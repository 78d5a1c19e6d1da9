"""Drafts a migration: what the models say and the newest schema does not have.

``python -m tools.migration DOMAIN_WHAT`` writes the next numbered file; read it before you
commit it, since a renamed column looks like one that went and one that came.
"""

import argparse
import asyncio
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from stead import migrations
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url

NAME: Final = re.compile(r"[a-z]+(_[a-z0-9]+)+")


class NoDifferenceError(Exception):
    """The models say what the newest schema has."""


def next_number() -> str:
    """Return the number after the newest migration's."""
    newest = ScriptDirectory(str(migrations.MIGRATIONS)).get_current_head()
    return f"{int(newest or 0) + 1:04d}"


async def draft(name: str, folder: Path) -> list[Path]:
    """Write the draft and return its path."""
    number, before = next_number(), set(_versions())
    database = Database(sqlite_url(folder / "empty.db"), Bus())

    def write(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrations.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, name, autogenerate=True, rev_id=number)

    try:
        async with database.engine.connect() as connection:
            await connection.run_sync(write)
    finally:
        await database.close()
    made = sorted(set(_versions()) - before)
    if any("op." not in path.read_text(encoding="utf-8") for path in made):
        for path in made:
            path.unlink()
        raise NoDifferenceError
    return made


def _versions() -> list[Path]:
    return list((migrations.MIGRATIONS / "versions").glob("*.py"))


def main() -> int:
    """Write a draft for the given name."""
    parser = argparse.ArgumentParser(description="Draft the next migration from the models.")
    parser.add_argument("name", help="DOMAIN_WHAT in lower case, such as network_second_range")
    name = parser.parse_args().name
    if not NAME.fullmatch(name):
        parser.error(f"{name!r} is not DOMAIN_WHAT in lower case")
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = asyncio.run(draft(name, Path(folder)))
        except NoDifferenceError:
            parser.error("nothing differs; are the models imported in migrations/env.py?")
        for path in made:
            sys.stdout.write(f"Wrote {path}: read it, then run: make test T=tests/db/core\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
