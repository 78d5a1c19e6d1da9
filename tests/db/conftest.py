"""A fresh database of the current schema for every test, of each kind that was asked for."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.factories import applications, databases
from tests.factories.platform import Platform, make_platform
from tests.support import postgres

from stead.core.bus import Bus
from stead.core.db import Database

KINDS = {"sqlite": ("sqlite",), "postgresql": ("postgresql",), "both": ("sqlite", "postgresql")}
ABOUT_DATABASES = {"audit", "core", "identity", "operations", "platform"}
numbers = count()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever needs a database once with each kind.

    What is about databases runs on both always; what is about the application asks PostgreSQL
    before a change lands, unless its marks say that it takes too long even for that.
    """
    if "kind" in metafunc.fixturenames:
        definition = metafunc.definition
        asked = KINDS[metafunc.config.getoption("--database")]
        kinds = KINDS["sqlite"] if definition.get_closest_marker("sqlite") else asked
        if definition.get_closest_marker("postgresql"):
            kinds = tuple(one for one in asked if one == "postgresql")
        marks: list[pytest.MarkDecorator] = []
        if definition.get_closest_marker("any_database"):
            marks = [pytest.mark.exhaustive]
        elif definition.path.parent.name not in ABOUT_DATABASES:
            marks = [pytest.mark.release]
        metafunc.parametrize(
            "kind",
            [pytest.param(one, marks=marks if one == "postgresql" else ()) for one in kinds],
            scope="session",
        )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated, empty database file that is never written again."""
    return databases.make_template(tmp_path_factory.mktemp("template") / "stead.db")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Postgres]:
    """Return a running PostgreSQL with a migrated, empty database to copy."""
    reason = postgres.why_not()
    if reason:
        pytest.skip(f"PostgreSQL cannot be tested: {reason}")
    with postgres.running_postgres() as server:
        databases.make_postgres_template(server)
        yield server


@pytest.fixture
def database_file(migrated: Path, tmp_path: Path) -> Path:
    """Return this test's own database file; for what concerns SQLite alone."""
    return databases.copy(migrated, tmp_path)


@pytest.fixture
async def database_url(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Return the address of this test's own database."""
    if kind == "sqlite":
        yield databases.sqlite_url(request.getfixturevalue("database_file"))
        return
    server: postgres.Postgres = request.getfixturevalue("postgresql")
    name = f"test_{next(numbers)}"
    await databases.copy_postgres(server, name)
    yield server.url_of(name)
    await databases.drop_postgres(server, name)


@pytest.fixture
async def target_url(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """Return the address of a database in which there is nothing at all."""
    if kind == "sqlite":
        (tmp_path / "third").mkdir()
        yield databases.sqlite_url(tmp_path / "third" / "stead.db")
        return
    server: postgres.Postgres = request.getfixturevalue("postgresql")
    name = f"empty_{next(numbers)}"
    await databases.copy_postgres(server, name, "template0")
    yield server.url_of(name)
    await databases.drop_postgres(server, name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Return an open database."""
    one = Database(database_url, Bus())
    yield one
    await one.close()


@pytest.fixture
async def platform(database: Database, tmp_path: Path) -> AsyncIterator[Platform]:
    """Return a control plane without engine and worker."""
    one = await make_platform(database, tmp_path)
    yield one
    applications.give_back(one.services)
