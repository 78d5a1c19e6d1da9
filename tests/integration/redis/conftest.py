"""A control plane on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.factories import databases
from tests.factories.platform import Platform, make_platform

from stead.core.bus import Bus
from stead.core.db import Database


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.make_template(tmp_path_factory.mktemp("template") / "stead.db")


@pytest.fixture
async def platform(migrated: Path, tmp_path: Path) -> AsyncIterator[Platform]:
    database = Database(databases.sqlite_url(databases.copy(migrated, tmp_path)), Bus())
    yield await make_platform(database, tmp_path)
    await database.close()
