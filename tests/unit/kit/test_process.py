"""Running other programs."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.waiting import until

from stead.kit import process
from stead.kit.process import ProcessError

SLEEPER = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_output_and_code_come_back():
    finished = await process.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (finished.code, finished.output) == (3, "out\nerr\n")
    with pytest.raises(ProcessError, match="exit code 3") as caught:
        await process.check(["sh", "-c", "echo why; exit 3"])
    assert caught.value.output == "why\n"


async def test_what_cannot_start_is_named():
    with pytest.raises(ProcessError, match=r"/nowhere: cannot start"):
        await process.run(["/nowhere"])


async def test_words_are_never_given_to_a_shell():
    assert await process.check(["echo", "$(id); * ~"]) == "$(id); * ~\n"


async def test_one_that_takes_too_long_is_killed_with_its_children(tmp_path: Path):
    pid_file = tmp_path / "pid"
    command = ["sh", "-c", 'sleep 60 & echo $! >"$0"; wait', str(pid_file)]
    with pytest.raises(ProcessError, match="took longer than 2 s"):
        await process.run(command, limit_seconds=2)
    child = int(pid_file.read_text())
    # Nobody here is its parent to wait for it: the kernel ends it in its own time.
    until("the end of the child", lambda: not alive(child))


async def test_one_whose_caller_is_cancelled_is_killed(tmp_path: Path):
    pid_file = tmp_path / "pid"
    task = asyncio.create_task(process.run([sys.executable, "-c", SLEEPER, str(pid_file)]))
    while not (pid_file.exists() and pid_file.read_text()):  # noqa: ASYNC110  (another process writes it)
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert not alive(int(pid_file.read_text()))


@pytest.mark.parametrize("call", [process.run, process.pipe])
async def test_one_whose_pipe_somebody_else_holds_is_given_up(
    call: Callable[..., Awaitable[object]], tmp_path: Path
):
    pid_file = tmp_path / "pid"
    holder = f'echo $$ >"{pid_file}"; exec sleep 60'
    with pytest.raises(ProcessError, match=r"took longer than 0.5 s"):
        await call(["sh", "-c", 'setsid sh -c "$0" & exit 0', holder], limit_seconds=0.5)
    until("the holder", pid_file.exists)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


async def test_a_flood_that_nobody_reads_to_its_end_is_given_up():
    for _ in range(20):
        with pytest.raises(ProcessError, match="answered more than 10 bytes"):
            await process.pipe(["cat", "/dev/zero"], output_limit=10)


async def test_a_flood_of_output_is_cut_and_the_program_ends():
    finished = await process.run([sys.executable, "-c", "print('x' * 30_000_000)"])
    assert finished.code == 0
    assert len(finished.output) == 64 * 1024


async def test_bytes_that_are_no_text_do_not_hurt():
    assert "\ufffd" in await process.check(["printf", "\\377"])


async def test_input_is_empty_and_the_environment_can_be_chosen(tmp_path: Path):
    log = tmp_path / "log"
    started = await process.start(
        ["sh", "-c", "cat; env"], log=log, environment={"ONLY": "this", "PATH": os.defpath}
    )
    assert await asyncio.wait_for(started.wait(), 5) == 0
    assert "ONLY=this" in log.read_text()
    assert "HOME=" not in log.read_text()


def test_killing_what_is_gone_is_quiet():
    process.kill_group(2**22 - 7)
