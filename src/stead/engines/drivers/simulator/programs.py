"""The few programs that simulated guests pretend to have, with the exit codes of real ones."""

import shlex
from dataclasses import dataclass
from typing import Final

from stead.engines.drivers.simulator.records import Disk
from stead.engines.values import GuestFile, TerminalSize

NOT_FOUND: Final = 127
_MOST: Final = 16 * 1024 * 1024
_KNOWN: Final = ("cat", "echo", "false", "head", "sh", "sleep", "stty", "true")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program did, and how long it takes in simulated seconds."""

    code: int = 0
    output: bytes = b""
    errors: bytes = b""
    seconds: float = 0.01


def run(words: tuple[str, ...], stdin: bytes, disk: Disk, size: TerminalSize | None = None) -> Ran:
    """Run a program; unknown ones end as if they were not installed."""
    if words[0].removeprefix("/bin/") not in _KNOWN:
        return Ran(NOT_FOUND, errors=f"{words[0]}: not found\n".encode())
    try:
        return _run(words[0].removeprefix("/bin/"), words[1:], stdin, disk, size)
    except (ValueError, IndexError) as error:
        return Ran(2, errors=f"{words[0]}: {error}\n".encode())


def _run(
    name: str,
    arguments: tuple[str, ...],
    stdin: bytes,
    disk: Disk,
    size: TerminalSize | None,
) -> Ran:
    match name:
        case "true" | "false" | "echo":
            said = (" ".join(arguments) + "\n").encode() if name == "echo" else b""
            return Ran(int(name == "false"), said)
        case "cat" | "head":
            return _read(name, arguments, stdin, disk)
        case "sleep":
            return Ran(seconds=float(arguments[0]))
        case "stty":
            return _stty(size)
        case _:
            return _shell(arguments, stdin, disk, size)


def _read(name: str, arguments: tuple[str, ...], stdin: bytes, disk: Disk) -> Ran:
    if name == "head":
        # Only as ``head -c COUNT /dev/zero``: a program that says a lot.
        return Ran(output=bytes(min(int(arguments[1]), _MOST)))
    if not arguments:
        return Ran(output=stdin)
    found = disk.get(arguments[0])
    if found is None:
        return Ran(1, errors=f"cat: {arguments[0]}: No such file or directory\n".encode())
    return Ran(output=found.content)


def _stty(size: TerminalSize | None) -> Ran:
    if size is None:
        return Ran(1, errors=b"stty: not a terminal\n")
    return Ran(output=f"{size.rows} {size.columns}\n".encode())


def _shell(arguments: tuple[str, ...], stdin: bytes, disk: Disk, size: TerminalSize | None) -> Ran:
    """Run ``sh -c`` of commands in a row: exit, a redirected echo, or a program."""
    output = errors = b""
    ran = Ran()
    for line in arguments[1].split(";") if len(arguments) > 1 else ():
        words = shlex.split(line)
        if not words:
            continue
        if words[0] == "exit":
            return Ran(int(words[1]) if len(words) > 1 else ran.code, output, errors)
        target = words[-1] if len(words) > 2 and words[-2] == ">" else ""  # noqa: PLR2004  (… > FILE)
        ran = run(tuple(words[:-2] if target else words), stdin, disk, size)
        if target:
            disk[target] = GuestFile(target, ran.output, 0o644)
        else:
            output += ran.output
        errors += ran.errors
    return Ran(ran.code, output, errors, ran.seconds)
