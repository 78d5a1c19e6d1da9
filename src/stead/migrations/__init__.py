"""Brings a database to the current schema; safe to call at every start."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from stead.core.db import Database

MIGRATIONS: Final = Path(__file__).parent


async def upgrade(database: Database) -> None:
    """Apply every migration that is missing."""
    async with database.engine.connect() as connection:
        await connection.run_sync(_upgrade)
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
