"""A file goes through a terminal whole, or is not there at all, and no shell stays open."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from tests.integration.proxmox.terminal import terminal
from websockets.asyncio.client import connect

from stead.engines import errors
from stead.engines.drivers.proxmox.console import Console
from stead.engines.values import GuestFile

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the shell has to be root's")


@asynccontextmanager
async def opened(url: str, ticket: str = "right") -> AsyncIterator[Console]:
    async with connect(url, compression=None, max_size=None) as socket:
        console = Console(socket)
        listening = asyncio.create_task(console.listen())
        try:
            await console.begin("con@pve", ticket)
            yield console
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


@pytest.mark.parametrize(
    "content",
    [
        b"a token\n",
        b"",
        os.urandom(300),
        b"\x03\x04\x11\x13\x1c\x00\r\n" * 20,
        os.urandom(200_000),
    ],
    ids=["token", "empty", "random", "control-keys", "large"],
)
async def test_a_file_arrives_whole_and_for_root_only(tmp_path: Path, content: bytes):
    target = tmp_path / "deep" / "it's here.json"
    async with terminal(tmp_path) as (_, url), opened(url) as console:
        await console.put(GuestFile(str(target), content, 0o600))
        await console.leave()
    assert target.read_bytes() == content
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == [target.name]


async def test_it_replaces_what_was_there(tmp_path: Path):
    target = tmp_path / "token"
    target.write_text("old")
    async with terminal(tmp_path) as (_, url), opened(url) as console:
        await console.put(GuestFile(str(target), b"new"))
        await console.leave()
    assert target.read_bytes() == b"new"


async def test_a_shell_that_somebody_left_half_way_is_taken_over(tmp_path: Path):
    target = tmp_path / "token"
    async with terminal(tmp_path, first=b'echo "half a lin') as (_, url), opened(url) as console:
        await console.put(GuestFile(str(target), b"x"))
        await console.leave()
    assert target.read_bytes() == b"x"


async def test_leaving_ends_the_shell(tmp_path: Path):
    async with terminal(tmp_path) as (one, url):
        async with opened(url) as console:
            await console.leave()
        assert one.sessions == 1


async def test_a_wrong_ticket_is_told(tmp_path: Path):
    async with terminal(tmp_path) as (_, url):
        with pytest.raises(errors.LockedError, match="closed"):
            async with opened(url, ticket="wrong"):
                pass


async def test_a_login_prompt_is_no_shell(tmp_path: Path):
    async with terminal(tmp_path, login=True) as (_, url):
        with pytest.raises(errors.ConflictError, match="login"):
            async with opened(url):
                pass


async def test_a_path_that_no_line_can_hold_is_invalid(tmp_path: Path):
    async with terminal(tmp_path) as (_, url), opened(url) as console:
        with pytest.raises(errors.InvalidError):
            await console.put(GuestFile("/" + "x" * 5000, b"x"))


async def test_a_file_that_cannot_be_placed_leaves_nothing(tmp_path: Path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").write_text("x")
    async with terminal(tmp_path) as (_, url), opened(url) as console:
        with pytest.raises(errors.TaskFailedError):
            await console.put(GuestFile("/proc/no/such/place", b"x"))
