"""Runs other programs: no shell, bounded in time and in output, never blocking the loop."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_OUTPUT_LIMIT = 64 * 1024


class ProcessError(Exception):
    """A program could not be started, failed or ran out of time."""

    def __init__(self, command: Sequence[str], reason: str, output: str = "") -> None:
        super().__init__(f"{command[0]}: {reason}")
        self.command = tuple(command)
        self.reason = reason
        self.output = output


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program said before it ended."""

    code: int
    output: str


async def run(command: Sequence[str], *, limit_seconds: float = 30) -> Finished:
    """Run a program to its end; stdout and stderr arrive merged and cut at 64 KiB.

    Raises ProcessError when it cannot start or takes longer than the limit.
    """
    process = await start(command)
    try:
        async with asyncio.timeout(limit_seconds):
            output = await _read(process.stdout)
            code = await process.wait()
    except TimeoutError as error:
        raise ProcessError(command, f"took longer than {limit_seconds:g} s") from error
    finally:
        # Also when the caller was cancelled: nobody else would end it.
        await _end(process)
    return Finished(code, output.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Piped:
    """What a program answered to what it was fed; ``errors`` is the beginning of its stderr."""

    code: int
    output: bytes
    errors: str


async def pipe(
    command: Sequence[str],
    *,
    feed: bytes = b"",
    environment: Mapping[str, str] | None = None,
    output_limit: int = _OUTPUT_LIMIT,
    limit_seconds: float = 30,
) -> Piped:
    """Feed a program and return what it answers, byte for byte.

    Raises ProcessError when it cannot start, takes longer or answers more than its limits.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        raise ProcessError(command, f"cannot start: {error.strerror}") from error
    try:
        async with asyncio.timeout(limit_seconds):
            fed = asyncio.create_task(_feed(process.stdin, feed))
            told = asyncio.create_task(_read(process.stderr))
            output = await _read_whole(process.stdout, output_limit)
            if output is None:
                raise ProcessError(command, f"answered more than {output_limit} bytes")
            await asyncio.gather(fed, told)
            code = await process.wait()
    except TimeoutError as error:
        raise ProcessError(command, f"took longer than {limit_seconds:g} s") from error
    finally:
        await _end(process)
    return Piped(code, output, told.result().decode(errors="replace"))


async def check(command: Sequence[str], *, limit_seconds: float = 30) -> str:
    """Run a program and return its output; raise ProcessError unless it exits with 0."""
    finished = await run(command, limit_seconds=limit_seconds)
    if finished.code:
        raise ProcessError(command, f"exit code {finished.code}", finished.output)
    return finished.output


async def start(
    command: Sequence[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start a program in its own session; with a log file it may outlive this process."""
    try:
        if log is None:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
        with log.open("ab") as sink:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
    except OSError as error:
        raise ProcessError(command, f"cannot start: {error.strerror}") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and what it started, and let go of its pipes.

    Somebody else may hold their other ends, or nobody read them to the end: either way asyncio
    would wait for more from them before it says that the program has ended.
    """
    kill_group(process.pid)
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  (it has no door)
    await process.wait()


async def _feed(stream: asyncio.StreamWriter | None, content: bytes) -> None:
    """Write all of it; a program need not read to the end."""
    if stream is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(content)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _read_whole(stream: asyncio.StreamReader | None, limit: int) -> bytes | None:
    """Read to the end, or return None as soon as there is more than the limit."""
    kept = bytearray()
    while stream is not None and (part := await stream.read(_OUTPUT_LIMIT)):
        kept += part
        if len(kept) > limit:
            return None
    return bytes(kept)


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """Read to the end, so that the program is never held up, and keep the beginning."""
    kept = bytearray()
    while stream is not None and (part := await stream.read(_OUTPUT_LIMIT)):
        kept += part[: _OUTPUT_LIMIT - len(kept)]
    return bytes(kept)


def kill_group(pid: int) -> None:
    """Kill a process that ``start`` made, with its children; quiet when it is gone."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
