"""Brings a database to the current schema; safe to call at every start."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from stead.core.db import Database

MIGRATIONS: Final = Path(__file__).parent
HEAD: Final = "head"


class DanglingReferenceError(Exception):
    """A migration took away what other rows refer to; nothing was changed."""


async def upgrade(database: Database) -> None:
    """Apply every migration that is missing, all of them or none."""
    async with database.remaking_tables(), database.engine.begin() as connection:
        await upgrade_to(connection, HEAD)


async def upgrade_to(connection: AsyncConnection, revision: str) -> None:
    """Apply migrations up to a revision, in the caller's transaction.

    On SQLite the caller is ``remaking_tables``.
    """
    await connection.run_sync(_upgrade, revision)


def knows(revision: str) -> bool:
    """Tell whether a revision is one of ours; a newer version's is not."""
    script = ScriptDirectory(str(MIGRATIONS))
    return revision in {found.revision for found in script.walk_revisions()}


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if connection.dialect.name == "sqlite":
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if dangling is not None:
            raise DanglingReferenceError(f"a row of {dangling[0]} refers to nothing")
