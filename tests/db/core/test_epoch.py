"""Epochs only grow, whatever the copy and the clock say."""

from datetime import UTC, datetime

import pytest

from stead.core import epoch
from stead.core.db import Database
from stead.kit import clock

COPIED = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_platform_begins_with_the_first_epoch(database: Database):
    async with database.write() as uow:
        assert await epoch.current(uow) == epoch.FIRST
        made = await epoch.ensure(uow)
        again = await epoch.ensure(uow)
        assert (made.name, made.epoch) == (again.name, epoch.FIRST)
        assert await uow.session.scalar(epoch.query()) == epoch.FIRST


async def test_each_restore_is_later_than_all_before_though_the_clock_was_set_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    async with database.write() as uow:
        first = await epoch.begin(uow, copy="a", copied_at=COPIED, after=0)
        second = await epoch.begin(uow, copy="a", copied_at=COPIED, after=0)
        monkeypatch.setattr(clock, "utc_now", lambda: COPIED)
        third = await epoch.begin(uow, copy="b", copied_at=COPIED, after=second + 7)
        assert epoch.FIRST < first < second
        assert third == second + 8


async def test_a_machine_that_knows_only_an_old_copy_passes_what_it_replaces(database: Database):
    async with database.write() as uow:
        replaced = await epoch.begin(uow, copy="a", copied_at=COPIED, after=0)
        row = await epoch.ensure(uow)
        row.epoch = epoch.FIRST
        assert await epoch.begin(uow, copy="a", copied_at=COPIED, after=0) >= replaced
