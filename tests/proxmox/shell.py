"""A very small shell: enough of sh to push a file into a guest and run a command there.

Lists with ``;``, ``&&`` and ``||``, pipes, subshells, quotes, ``$NAME``, ``$?``, ``$(...)``,
redirections and assignments. Files are those of the guest, programs those of ``programs``.
"""

import dataclasses
import re
from typing import TYPE_CHECKING

from tests.proxmox import programs

if TYPE_CHECKING:
    from tests.proxmox.terminal import Terminal

OPERATORS = ("&&", "||", ";", "|", "(", ")", ">>", "2>&1", "2>", ">", "<", "&")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NOT_FOUND = 127
REDIRECTS = {"<", ">", ">>", "2>"}


@dataclasses.dataclass
class Result:
    """What a command leaves: its status and output."""

    status: int
    output: bytes = b""


class Shell:
    """One shell on a terminal."""

    def __init__(self, terminal: "Terminal") -> None:
        self.terminal = terminal
        self.world = terminal.world
        self.guest = terminal.guest
        self.variables = {"PS1": "# ", "PATH": "/usr/bin:/bin", "TERM": "linux"}
        self.umask = 0o022
        self.status = 0

    async def interact(self) -> None:
        """Carry out line after line until told to exit."""
        while True:
            line = await self._whole_line()
            try:
                await self.run(line, shown=True)
            except programs.ExitError:
                return
            if self.variables.get("PS1"):
                self.terminal.write(self.variables["PS1"].encode())

    async def _whole_line(self) -> str:
        """Return a line with those that an open quote makes part of it; ^C begins anew."""
        text, breaks = await self.terminal.line(), self.terminal.breaks
        while open_quote(text):
            text += "\n" + await self.terminal.line()
            if self.terminal.breaks != breaks:
                text, breaks = text.rpartition("\n")[2], self.terminal.breaks
        return text

    async def run(self, text: str, stdin: bytes | None = None, *, shown: bool = False) -> Result:
        """Carry out a list of commands; what they say is shown at once or returned."""
        tokens = tokenize(text)
        output = bytearray()
        wanted = ";"
        while tokens:
            pipeline, operator = take_pipeline(tokens)
            if wanted == ";" or (wanted == "&&") == (self.status == 0):
                said = await self._pipeline(pipeline, stdin)
                if shown:
                    self.terminal.write(said)
                else:
                    output += said
            wanted = operator or ";"
        return Result(self.status, bytes(output))

    async def _pipeline(self, tokens: list[str], stdin: bytes | None) -> bytes:
        """Carry out commands that feed each other."""
        parts: list[list[str]] = [[]]
        depth = 0
        for token in tokens:
            depth += (token == "(") - (token == ")")
            if token == "|" and not depth:
                parts.append([])
            else:
                parts[-1].append(token)
        data = stdin
        for part in parts:
            if part:
                result = await self._command(part, data)
                self.status, data = result.status, result.output
        return data or b""

    async def _command(self, tokens: list[str], stdin: bytes | None) -> Result:
        """Carry out one command with its redirections."""
        words, redirects = split_redirects(tokens)
        if words and words[0] == "(":
            result = await self.run(" ".join(words[1:-1]), stdin)
            return await self._redirect(result, redirects)
        expanded: list[str] = []
        for word in words:
            expanded += await self.expand(word)
        while expanded and re.match(r"[A-Za-z_]\w*=", expanded[0]):
            name, _, value = expanded.pop(0).partition("=")
            self.variables[name] = value
        for operator, target in redirects:
            if operator == "<":
                path = (await self.expand(target))[0]
                if path != "/dev/null" and path not in self.guest.files:
                    return Result(2, f"sh: cannot open {path}: No such file\n".encode())
                stdin = self.guest.files.get(path, b"")
        if not expanded:
            return await self._redirect(Result(0), redirects)
        return await self._redirect(await self._program(expanded, stdin), redirects)

    async def _program(self, words: list[str], stdin: bytes | None) -> Result:
        name = words[0].rpartition("/")[2]
        program = programs.PROGRAMS.get(name) or self.world.programs.get(name)
        if program is None:
            return Result(NOT_FOUND, f"sh: 1: {words[0]}: not found\n".encode())
        status, output = await program(self, words[1:], stdin)
        return Result(status, output)

    async def _redirect(self, result: Result, redirects: list[tuple[str, str]]) -> Result:
        output = result.output
        for operator, target in redirects:
            if operator in {">", ">>"}:
                path = (await self.expand(target))[0]
                if path != "/dev/null":
                    before = self.guest.files.get(path, b"") if operator == ">>" else b""
                    self.guest.files[path] = before + output
                    self.guest.modes.setdefault(path, 0o666 & ~self.umask)
                output = b""
        return Result(result.status, output)

    async def expand(self, word: str) -> list[str]:
        """Return the words that a word stands for after quotes and variables."""
        found, at, quoted, bare = "", 0, False, True
        while at < len(word):
            character = word[at]
            if character == "'" and not quoted:
                end = word.index("'", at + 1)
                found, at, bare = found + word[at + 1 : end], end + 1, False
            elif character == '"':
                quoted, at, bare = not quoted, at + 1, False
            elif character == "\\" and at + 1 < len(word):
                found, at = found + word[at + 1], at + 2
            elif character == "$":
                value, at = await self._dollar(word, at)
                found += value
            else:
                found, at = found + character, at + 1
        return found.split() if bare and "$" in word else [found]

    async def _dollar(self, word: str, at: int) -> tuple[str, int]:
        """Return what stands for ``$...`` and where it ends."""
        if word.startswith("$(", at):
            end = closing(word, at + 1)
            kept = self.status
            result = await self.run(word[at + 2 : end])
            self.status = kept
            return result.output.decode("utf-8", "replace").rstrip("\n"), end + 1
        if word.startswith("$?", at):
            return str(self.status), at + 2
        name = NAME.match(word, at + 1)
        if not name:
            return "$", at + 1
        return self.variables.get(name[0], ""), name.end()


def open_quote(text: str) -> bool:
    """Whether a quote is opened and not closed."""
    inside = ""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and inside != "'":
            escaped = True
        elif inside:
            inside = "" if character == inside else inside
        elif character in "'\"":
            inside = character
    return bool(inside)


def closing(text: str, at: int) -> int:
    """Return where the bracket that opens at a place is closed."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return len(text) - 1


def tokenize(text: str) -> list[str]:
    """Split a line into words and operators, quotes kept."""
    tokens: list[str] = []
    word, at = "", 0
    while at < len(text):
        operator = next((one for one in OPERATORS if text.startswith(one, at)), None)
        if text[at].isspace() or (operator and not (operator[0] == "2" and word)):
            tokens += [word] if word else []
            tokens += [operator] if operator else []
            word, at = "", at + len(operator or " ")
            continue
        end = quoted_end(text, at)
        word, at = word + text[at:end], end
    return tokens + ([word] if word else [])


def quoted_end(text: str, at: int) -> int:
    """Return where the character, quote or substitution at a place ends."""
    if text[at] == "'":
        end = text.find("'", at + 1)
        return len(text) if end < 0 else end + 1
    if text.startswith("$(", at):
        return closing(text, at + 1) + 1
    if text[at] == '"':
        place = at + 1
        while place < len(text) and text[place] != '"':
            place = quoted_end(text, place) if text.startswith("$(", place) else place + 1
            if place < len(text) and text[place - 1] == "\\":
                place += 1
        return place + 1
    return at + (2 if text[at] == "\\" else 1)


def take_pipeline(tokens: list[str]) -> tuple[list[str], str]:
    """Take the tokens up to the next ``;``, ``&&`` or ``||`` outside brackets."""
    found: list[str] = []
    depth = 0
    while tokens:
        token = tokens.pop(0)
        depth += (token == "(") - (token == ")")
        if not depth and token in {";", "&&", "||", "&"}:
            return found, ";" if token == "&" else token
        found.append(token)
    return found, ""


def split_redirects(tokens: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Separate the redirections that follow a command from its words."""
    words: list[str] = []
    redirects: list[tuple[str, str]] = []
    depth = 0
    rest = list(tokens)
    while rest:
        token = rest.pop(0)
        depth += (token == "(") - (token == ")")
        if depth == 0 and token == "2>&1":
            continue
        if depth == 0 and token in REDIRECTS and rest:
            redirects.append((token, rest.pop(0)))
        else:
            words.append(token)
    return words, redirects
