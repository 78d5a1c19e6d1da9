"""A running stand-in and a client of it."""

from collections.abc import AsyncIterator

import pytest
from tests.proxmox.api_client import Api
from tests.proxmox.double import Double, running


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with running(speed=50) as started:
        yield started


@pytest.fixture
async def api(double: Double) -> AsyncIterator[Api]:
    """A client with a token of root."""
    async with Api(double) as client:
        yield client
