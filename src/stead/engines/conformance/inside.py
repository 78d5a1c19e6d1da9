"""Files, commands, terminals, use and events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from stead.engines.abilities import Terminal
from stead.engines.conformance.trial import BrokenError, Trial, expect, refused
from stead.engines.errors import ConflictError, InvalidError, NotFoundError, TaskFailedError
from stead.engines.values import Change, Command, GuestEvent, GuestFile, TerminalSize

BYTES: Final = bytes(range(256)) * 40
LONG: Final = "600"


async def files_go_in_and_out(trial: Trial) -> None:
    """A file keeps its bytes and mode, running or not, with folders that were not there."""
    spec, driver = await trial.make(), trial.driver
    file = GuestFile("/opt/deep/er/file", BYTES, 0o640)
    await driver.push_file(spec.name, file)
    expect(await driver.pull_file(spec.name, file.path, limit_bytes=20_000) == file, "it differs")
    await trial.start(spec.name)
    expect(await driver.pull_file(spec.name, file.path, limit_bytes=20_000) == file, "it differs")
    smaller = GuestFile(file.path, b"", 0o600)
    await driver.push_file(spec.name, smaller)
    found = await driver.pull_file(spec.name, file.path, limit_bytes=0)
    expect(found.content == b"", "a pushed file does not replace the old one")


async def files_that_are_none_are_told(trial: Trial) -> None:
    """No file is not found, a large one and one of a wrong path are invalid."""
    spec, driver = await trial.make(), trial.driver
    await driver.push_file(spec.name, GuestFile("/etc/large", BYTES))
    await refused(driver.pull_file(spec.name, "/etc/none", limit_bytes=10), NotFoundError)
    await refused(driver.pull_file(spec.name, "/etc/large", limit_bytes=10_000), InvalidError)
    for path in ("etc/x", "/etc/", "", "/etc/\0"):
        await refused(driver.pull_file(spec.name, path, limit_bytes=10), InvalidError)
        await refused(driver.push_file(spec.name, GuestFile(path, b"")), InvalidError)
    absent = trial.spec().name
    await refused(driver.pull_file(absent, "/etc/large", limit_bytes=10), NotFoundError)
    await refused(driver.push_file(absent, GuestFile("/etc/x", b"")), NotFoundError)


async def commands_say_how_they_ended(trial: Trial) -> None:
    """Output, errors, standard input and the exit code come back as they are."""
    name, driver = (await trial.make(start=True)).name, trial.driver
    finished = await driver.execute(name, Command(("echo", "a  b", "$HOME", "ü")))
    expect(finished.output == "a  b $HOME ü\n".encode(), f"echo says {finished.output!r}")
    expect((finished.code, finished.errors) == (0, b""), f"echo ends with {finished}")
    finished = await driver.execute(name, Command(("cat",), stdin=BYTES))
    expect(finished.output == BYTES, "cat does not say what it was told")
    finished = await driver.execute(name, Command(("cat", "/no/such/file")))
    expect(finished.code == 1 and bool(finished.errors), f"a failing cat ends with {finished}")
    expect((await trial.run(name, "exit 7")).code == 7, "the exit code is lost")  # noqa: PLR2004  (as asked)
    finished = await driver.execute(name, Command(("/no/such/program",)))
    expect(finished.code == 127, f"a missing program ends with {finished.code}")  # noqa: PLR2004  (as in a shell)


async def commands_are_bounded(trial: Trial) -> None:
    """Output is cut at the limit and the command still ends; one that takes long is killed."""
    name, driver = (await trial.make(start=True)).name, trial.driver
    loud = Command(("head", "-c", "3000000", "/dev/zero"), output_limit=1000)
    finished = await driver.execute(name, loud)
    expect(finished.output == bytes(1000) and finished.truncated, "the output is not cut")
    expect(finished.code == 0, f"the cut command ends with {finished.code}")
    slow = Command(("sleep", LONG), limit_seconds=0.5)
    await refused(driver.execute(name, slow), TaskFailedError)
    finished = await driver.execute(name, Command(("echo", "well")))
    expect(finished.output == b"well\n", "after a killed command none can be run")


async def commands_need_a_running_guest(trial: Trial) -> None:
    """In a stopped guest nothing is run, in an absent one neither."""
    spec, absent = await trial.make(), trial.spec()
    await refused(trial.driver.execute(spec.name, Command(("true",))), ConflictError)
    await refused(trial.driver.execute(absent.name, Command(("true",))), NotFoundError)


async def commands_run_side_by_side(trial: Trial) -> None:
    """Several commands at once each get their own input and output."""
    name = (await trial.make(start=True)).name
    said = await asyncio.gather(
        *(trial.driver.execute(name, Command(("cat",), stdin=b"%d" % n)) for n in range(5))
    )
    expect([each.output for each in said] == [b"%d" % n for n in range(5)], "they are mixed up")


async def a_terminal_is_a_conversation(trial: Trial) -> None:
    """What is typed is run, the window has a size that changes, and exit ends the session."""
    name = (await trial.make(start=True)).name
    async with trial.driver.open_terminal(name, TerminalSize(100, 30)) as terminal:
        await terminal.write(b"echo mark-42\n")
        # The line itself is echoed too, so the answer is what begins a line.
        await _until(terminal, b"\nmark-42\r\n")
        await terminal.write(b"stty size\n")
        await _until(terminal, b"30 100")
        await terminal.resize(TerminalSize(132, 43))
        await _resized(terminal, b"43 132")
        await terminal.write(b"exit\n")
        await _until_end(terminal)
        await refused(_write_for_ever(terminal), NotFoundError)


async def a_left_terminal_is_closed(trial: Trial) -> None:
    """Leaving a terminal ends it, and another one opens; a stopped guest has none."""
    name = (await trial.make(start=True)).name
    for _ in range(2):
        async with trial.driver.open_terminal(name, TerminalSize()) as terminal:
            await terminal.write(b"echo again\n")
            await _until(terminal, b"\nagain\r\n")
    await trial.stop(name)

    async def open_() -> None:
        async with trial.driver.open_terminal(name, TerminalSize()):
            pass

    await refused(open_(), ConflictError)


async def use_is_told_of_running_guests(trial: Trial) -> None:
    """A guest that runs is in the figures, one that does not is not."""
    running, stopped = await trial.make(start=True), await trial.make()
    usage = {each.name: each for each in await trial.driver.usage()}
    expect(running.name in usage, "the running guest has no figures")
    expect(stopped.name not in usage, "the stopped guest has figures")
    one = usage[running.name]
    figures = (one.cpu_seconds, one.disk_bytes, one.received_bytes, one.sent_bytes)
    expect(one.memory_bytes > 0 and min(figures) >= 0, f"the figures are {one}")


async def changes_are_told(trial: Trial) -> None:
    """Who follows the events hears of a guest that comes, runs, stops and goes, in this order."""
    spec = trial.spec()
    async with trial.driver.events() as events:
        await trial.make(spec, start=True)
        await trial.stop(spec.name)
        await trial.patiently(lambda: trial.driver.delete(spec.name))
        wanted = [Change.CREATED, Change.STARTED, Change.STOPPED, Change.DELETED]
        async with asyncio.timeout(30):
            heard = await _hear(events, spec.name, wanted)
    expect(heard == wanted, f"it tells {heard}")


async def the_boot_log_is_a_text(trial: Trial) -> None:
    """A guest that started has a console log that stays, and one that is absent an empty one."""
    spec = await trial.make(start=True)
    first = await trial.driver.boot_log(spec.name)
    expect(first in await trial.driver.boot_log(spec.name), "what was read once is gone")
    expect(await trial.driver.boot_log(trial.spec().name) == "", "an absent guest has a log")


async def _hear(
    events: AsyncIterator[GuestEvent], name: str, wanted: list[Change]
) -> list[Change]:
    heard: list[Change] = []
    async for event in events:
        if event.name == name and event.change is not Change.CHANGED:
            heard.append(event.change)
            if len(heard) == len(wanted):
                break
    return heard


async def _until(terminal: Terminal, wanted: bytes) -> bytes:
    said = b""
    try:
        async with asyncio.timeout(30):
            while wanted not in said:
                part = await terminal.read()
                expect(bool(part), f"the session ended with {said[-200:]!r}")
                said += part
    except TimeoutError as error:
        raise BrokenError(f"it never says {wanted!r}, only {said[-200:]!r}") from error
    return said


async def _resized(terminal: Terminal, wanted: bytes) -> None:
    """Ask until the guest has heard of the new size."""
    for _ in range(50):
        await terminal.write(b"stty size; echo asked\n")
        if wanted in await _until(terminal, b"asked\r\n"):
            return
        await asyncio.sleep(0.05)
    raise BrokenError(f"the window never becomes {wanted!r}")


async def _until_end(terminal: Terminal) -> None:
    try:
        async with asyncio.timeout(30):
            while await terminal.read():
                pass
    except TimeoutError as error:
        raise BrokenError("the session does not end after exit") from error


async def _write_for_ever(terminal: Terminal) -> None:
    for _ in range(100):
        await terminal.write(b"more\n")
        await asyncio.sleep(0.05)
