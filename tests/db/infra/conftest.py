"""A cluster on record."""

import pytest
from tests.factories.inventory import Records, make_full, make_records

from stead.core.db import Database


@pytest.fixture
async def records(database: Database) -> Records:
    return await make_records(database)


@pytest.fixture
async def full(records: Records) -> Records:
    await make_full(records)
    return records
