"""Whoever follows an operation over HTTP sees every event once, whatever happens to the server."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from tests.chaos.test_every_point import closing, server
from tests.support import postgres
from tests.support.incus import ROOT, free_port
from tests.support.waiting import until

from stead import migrations
from stead.core import durable
from stead.core.bus import Bus
from stead.core.db import Database, sqlite_url
from stead.core.durable import EventRow, Plan, Submission

__all__ = ["server"]
pytestmark = pytest.mark.timeout(120)
KILL_AFTER = (40, 60, 80)
SERVER = str(Path(__file__).with_name("stream_server.py"))


async def test_a_follower_sees_each_event_once_on_sqlite(tmp_path: Path) -> None:
    await _follow_through_kills(sqlite_url(tmp_path / "stead.db"))


async def test_a_follower_sees_each_event_once_on_postgresql(server: postgres.Postgres) -> None:
    await _follow_through_kills(server.url)


async def _follow_through_kills(url: str) -> None:
    async with closing(Database(url, Bus())) as database:
        await migrations.upgrade(database)
        async with database.write() as uow:
            asked = Submission("p", "thing:1", "Talk", "test")
            operation_id = await durable.submit(uow, Plan("talk", 1), asked)
        seen: list[int] = []
        for kill_after in (*KILL_AFTER, None):
            with _serving(url, operation_id) as base:
                path = f"{base}/api/v1/operations/{operation_id}/events"
                ended = _follow(path, seen, kill_after)
        assert ended, "the last server says when it is over"
        async with database.read() as uow:
            query = select(EventRow.seq).where(EventRow.operation_id == operation_id)
            written = sorted(await uow.session.scalars(query))
    assert seen == written


@contextlib.contextmanager
def _serving(url: str, operation_id: str) -> Iterator[str]:
    """Start a server; it is killed with -9 at the end, in the middle of what it writes."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, SERVER, url, str(port), operation_id],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
    )
    try:
        until("the server", lambda: _answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _follow(url: str, seen: list[int], limit: int | None) -> bool:
    """Take events in until the end, or until so many more have come."""
    enough = len(seen) + limit if limit is not None else None
    while True:
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        with httpx.stream("GET", url, headers=headers, timeout=20) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    seen.append(int(line[4:]))
                if line == "event: end":
                    return True
                if enough is not None and len(seen) >= enough:
                    return False
