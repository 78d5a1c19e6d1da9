"""The programs that a guest of the double has, as far as anybody needs them."""

import asyncio
import base64
import binascii
import codecs
import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.proxmox.shell import Shell


class ExitError(Exception):
    """The shell was told to end."""


Output = tuple[int, bytes]
Program = Callable[["Shell", list[str], bytes | None], Awaitable[Output]]
PROGRAMS: dict[str, Program] = {}
NOTHING = (
    "set",
    "unset",
    "true",
    ":",
    "cd",
    "sync",
    "chown",
    "clear",
    "systemctl",
    "trap",
)


def program(*names: str) -> Callable[[Program], Program]:
    def register(found: Program) -> Program:
        for name in names:
            PROGRAMS[name] = found
        return found

    return register


@program(*NOTHING)
async def nothing(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    return 0, b""


@program("false")
async def failure(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    return 1, b""


@program("exit", "logout")
async def leave(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    raise ExitError


@program("exec", "timeout", "command", "sh", "bash", "env")
async def wrapper(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    """Run what is wrapped; a shell without a script is the one that is there already."""
    rest = list(words)
    if rest[:1] == ["-v"]:
        known = rest[1] in PROGRAMS or rest[1] in shell.world.programs
        return (0, f"/usr/bin/{rest[1]}\n".encode()) if known else (1, b"")
    if rest[:1] == ["-c"]:
        result = await shell.run(rest[1], stdin)
        return result.status, result.output
    while rest and (rest[0].startswith("-") or rest[0].replace(".", "").isdigit()):
        rest.pop(0)
    if not rest or rest[0].rpartition("/")[2] in {"sh", "bash"}:
        rest = rest[1:]
    if not rest:
        return 0, b""
    if rest[0] in shell.guest.files:
        return await script(shell, rest[0])
    result = await shell.run(" ".join(quote(word) for word in rest), stdin)
    return result.status, result.output


async def script(shell: "Shell", path: str) -> Output:
    output = b""
    for line in shell.guest.files[path].decode("utf-8", "replace").splitlines():
        if line and not line.startswith("#"):
            output += (await shell.run(line)).output
    return shell.status, output


def quote(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


@program("export")
async def export(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    for word in words:
        name, _, value = word.partition("=")
        shell.variables[name] = value
    return 0, b""


@program("stty")
async def stty(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    terminal = shell.terminal
    for word in words:
        if word == "sane":
            terminal.canonical = terminal.echo = True
        elif word.lstrip("-") == "icanon":
            terminal.canonical = not word.startswith("-")
        elif word.lstrip("-") == "echo":
            terminal.echo = not word.startswith("-")
        elif word in {"raw", "-raw"}:
            terminal.canonical = word != "raw"
        elif word == "size":
            return 0, b"20 80\n"
    return 0, b""


@program("umask")
async def umask(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    shell.umask = int(words[0], 8)
    return 0, b""


@program("printf")
async def printf(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    form = codecs.decode(words[0].encode("latin-1", "backslashreplace"), "unicode_escape")
    values = words[1:]
    while "%s" in form or "%d" in form:
        at = min(place for place in (form.find("%s"), form.find("%d")) if place >= 0)
        value = values.pop(0) if values else ""
        form = form[:at] + value.replace("%", "\0") + form[at + 2 :]
    return 0, form.replace("%%", "%").replace("\0", "%").encode()


@program("echo")
async def echo(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    return 0, (" ".join(words) + "\n").encode()


async def given(shell: "Shell", words: list[str], stdin: bytes | None) -> bytes | None:
    """Return what a program reads: its files or input; None when it must ask the terminal."""
    paths = [word for word in words if not word.startswith("-")]
    if paths:
        return b"".join(shell.guest.files.get(path, b"") for path in paths)
    return stdin


@program("head", "tail")
async def part(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    """Return the first bytes; without other input those that are typed next."""
    count = int(words[words.index("-c") + 1].lstrip("+")) if "-c" in words else 1024
    rest = [word for word in words if word not in {"-c", str(count), f"+{count}"}]
    data = await given(shell, rest, stdin)
    if data is None:
        data = await shell.terminal.read(count)
    return 0, data[:count]


@program("cat", "tee")
async def cat(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    data = await given(shell, words, stdin)
    missing = [one for one in words if not one.startswith("-") and one not in shell.guest.files]
    if data is None:
        while not shell.terminal.interrupted.is_set():
            await shell.terminal.read(1)
    if missing:
        return 1, f"cat: {missing[0]}: No such file or directory\n".encode()
    return 0, data or b""


@program("sleep")
async def sleep(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    """Wait for so long or for ^C, whichever comes first."""
    nap = asyncio.ensure_future(shell.world.clock.sleep(float(words[0])))
    woken = asyncio.ensure_future(shell.terminal.interrupted.wait())
    shell.terminal.interrupted.clear()
    try:
        await asyncio.wait({nap, woken}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        nap.cancel()
        woken.cancel()
    return 0, b""


@program("base64")
async def base64_(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    data = await given(shell, words, stdin) or b""
    if not {"-d", "--decode"} & set(words):
        return 0, base64.encodebytes(data)
    try:
        return 0, base64.b64decode(data, validate=False)
    except binascii.Error:
        return 1, b"base64: invalid input\n"


@program("sha256sum")
async def sha256sum(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    data = await given(shell, words, stdin) or b""
    name = words[0] if words else "-"
    return 0, f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()


@program("cut")
async def cut(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    first, _, last = words[0].removeprefix("-c").partition("-")
    lines = (stdin or b"").decode().splitlines()
    return 0, "".join(line[int(first) - 1 : int(last)] + "\n" for line in lines).encode()


@program("wc")
async def wc(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    data = await given(shell, words, stdin) or b""
    return 0, f"{len(data)}\n".encode()


@program("id")
async def id_(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    return 0, b"0\n" if "-u" in words else b"uid=0(root) gid=0(root) groups=0(root)\n"


@program("hostname")
async def hostname(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    return 0, f"{shell.guest.config.get('hostname', 'localhost')}\n".encode()


@program("dirname")
async def dirname(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    return 0, f"{words[0].rpartition('/')[0] or '/'}\n".encode()


@program("mkdir")
async def mkdir(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    shell.guest.folders.update(word for word in words if word.startswith("/"))
    return 0, b""


@program("chmod")
async def chmod(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    for path in words[1:]:
        if path not in shell.guest.files:
            return 1, f"chmod: cannot access '{path}': No such file or directory\n".encode()
        shell.guest.modes[path] = int(words[0], 8)
    return 0, b""


@program("mv", "cp")
async def move(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    source, target = [word for word in words if not word.startswith("-")]
    if source not in shell.guest.files:
        return 1, f"mv: cannot stat '{source}': No such file or directory\n".encode()
    shell.guest.files[target] = shell.guest.files.pop(source)
    shell.guest.modes[target] = shell.guest.modes.pop(source, 0o644)
    return 0, b""


@program("rm")
async def remove(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    for path in words:
        shell.guest.files.pop(path, None)
        shell.guest.modes.pop(path, None)
    return 0, b""


@program("test", "[")
async def test(shell: "Shell", words: list[str], stdin: bytes | None) -> Output:
    operands = [word for word in words if word != "]"]
    if len(operands) == 2 and operands[0] in {"-e", "-f", "-s", "-r", "-x"}:
        return int(operands[1] not in shell.guest.files), b""
    if len(operands) == 2 and operands[0] == "-d":
        return int(operands[1] not in shell.guest.folders), b""
    return int(not (len(operands) == 3 and operands[0] == operands[2])), b""
