"""A fresh database of the current schema for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.factories import databases
from tests.factories.platform import Platform, make_platform

from stead.core.db import Database


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty database file that is never written again."""
    return databases.make_template(tmp_path_factory.mktemp("template") / "stead.db")


@pytest.fixture
def database_file(migrated: Path, tmp_path: Path) -> Path:
    """Return this test's own database file."""
    return databases.copy(migrated, tmp_path)


@pytest.fixture
async def database(database_file: Path) -> AsyncIterator[Database]:
    """Return an open database."""
    async with databases.opened(database_file) as one:
        yield one


@pytest.fixture
async def platform(database: Database, tmp_path: Path) -> Platform:
    """Return a control plane without engine and worker."""
    return await make_platform(database, tmp_path)
