"""A real Git server over HTTPS, once for all tests of sources."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import repositories
from tests.support.repositories import Repository, Server


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repositories")


@pytest.fixture(scope="session")
def hub(shelves: Path) -> Iterator[Server]:
    """Return the server of every repository."""
    with repositories.served(shelves) as server:
        yield server


@pytest.fixture
def repository(shelves: Path, request: pytest.FixtureRequest) -> Repository:
    """Return an empty repository of this test's own, which the server serves."""
    return repositories.create(shelves / request.node.name.replace("[", "-").replace("]", ""))
