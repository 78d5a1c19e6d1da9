"""Makes every text of a template a message, before Jinja reads it.

Authors write plain English: what stands between tags, in attributes that people read, and in
literals that begin like a sentence is passed through gettext. What `{{ … }}` puts into a
sentence becomes a placeholder of it. `{% trans %}` is there for sentences with markup inside.
"""

import re
from collections.abc import Iterator
from typing import Final

from jinja2.ext import Extension
from typing_extensions import override

# Attributes whose value is read to people, or shown by our scripts.
_SHOWN: Final = (
    "title|placeholder|alt|aria-label|data-label|data-busy|data-confirm|data-toast|data-empty"
)
_OUTPUT: Final = r"\{\{(?:[^}]|\}(?!\}))*\}\}"
_STATEMENT: Final = r"\{%(?:[^%]|%(?!\}))*%\}"
_PIECES: Final = re.compile(
    r"(?P<comment>\{#.*?#\})"
    r"|(?P<whole>\{%-?\s*trans\b.*?endtrans\s*-?%\}|<(?P<element>code|pre)\b.*?</(?P=element)>)"
    rf"|(?P<statement>{_STATEMENT})"
    rf"|(?P<output>{_OUTPUT})"
    rf"|(?P<tag><[!/a-zA-Z](?:{_OUTPUT}|{_STATEMENT}|[^>{{])*>)"
    r"|(?P<text>[^<{]+|.)",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(rf'(?<=\s)({_SHOWN})="((?:{_OUTPUT}|{_STATEMENT}|[^"{{])*)"')
_INSIDE: Final = re.compile(rf"({_OUTPUT})|({_STATEMENT})", re.DOTALL)
_LITERAL: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LIKE_A_SENTENCE: Final = re.compile(r"[\s“(…]*[A-Z](?:[a-z]| [a-z]).*", re.DOTALL)
# A literal that something is compared with, or that names a template, is no text.
_NO_TEXT: Final = re.compile(r"(==|!=|\bin|gettext\(|_\(|\bnot|\.get\(|replace\(|[\w\])}]\[)\s*$")
_LETTERS: Final = re.compile(r"[^\W\d_]")
_LITERALS_OF: Final = re.compile(r"\{%-?\s*(call|set|for|macro|with|filter)\b")
_NAME: Final = re.compile(
    r"\b(?!(?:else|if|not|and|or|in|is|none|true|false)\b)[a-z][a-z_]+(?=\s*(?:[|)\]]|$))"
)
# Beside a sentence rather than in it: icons, badges, and what is a sentence by itself.
_BESIDE: Final = re.compile(r"""\{\{\s*(?:icons\.|parts\.(?:badge|copy|external)|")""")
NAMES: Final = frozenset({"Stead"})


class PlainTexts(Extension):
    """Lets templates be written in plain English."""

    @override
    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return mark(source)


def mark(source: str) -> str:
    """Return a template in which every text is passed through gettext."""
    return "".join(_marked(source))


def _marked(source: str) -> Iterator[str]:
    run: list[str] = []
    for piece in _PIECES.finditer(source):
        kind = next(n for n in _KINDS if piece[n] is not None)
        # What strips the white space around it is no part of a sentence.
        if kind == "text" or (kind == "output" and not piece[0].startswith("{{-")):
            run.append(piece[0])
            continue
        yield _sentence(run)
        run = []
        yield _whole(kind, piece[0])
    yield _sentence(run)


_KINDS: Final = ("comment", "whole", "statement", "output", "tag", "text")


def _whole(kind: str, piece: str) -> str:
    if kind == "tag":
        return _ATTRIBUTE.sub(lambda found: f'{found[1]}="{_value(found[2])}"', piece)
    if kind == "output" or (kind == "statement" and _LITERALS_OF.match(piece)):
        return literals(piece)
    return piece


def _value(value: str) -> str:
    """Return an attribute's value; statements divide it into sentences of their own."""
    parts = re.split(f"({_STATEMENT})", value, flags=re.DOTALL)
    return "".join(
        part if at % 2 else _sentence(re.split(f"({_OUTPUT})", part, flags=re.DOTALL))
        for at, part in enumerate(parts)
    )


def _sentence(run: list[str]) -> str:
    """Return texts and outputs that stand next to each other as one message."""
    parts = [part for part in run if part]
    if parts and _BESIDE.match(parts[0]):
        return literals(parts[0]) + _sentence(parts[1:])
    if parts and _BESIDE.match(parts[-1]):
        return _sentence(parts[:-1]) + literals(parts[-1])
    plain = "".join(part for part in parts if not part.startswith("{{"))
    if not _LETTERS.search(plain) or plain.strip(" ·\n") in NAMES:
        return "".join(literals(part) if part.startswith("{{") else part for part in parts)
    text, values = _message(parts)
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(text.rstrip()) :]
    message = " ".join(text.split()).replace('"', '\\"')
    given = "".join(f", {name}=_said({value})" for name, value in values.items())
    return f'{before}{{{{ gettext("{message}"{given}) }}}}{after}'


def _message(parts: list[str]) -> tuple[str, dict[str, str]]:
    values: dict[str, str] = {}
    text = ""
    for part in parts:
        if not part.startswith("{{"):
            text += part.replace("%", "%%")
            continue
        inner = part[2:-2].strip().removesuffix("-").strip()
        found = _NAME.search(re.sub(r'"[^"]*"', "", inner))
        name = base = found[0] if found else "value"
        count = 2
        while name in values:
            name, count = f"{base}_{count}", count + 1
        values[name] = literals(inner)
        text += f"%({name})s"
    return text, values


def literals(code: str) -> str:
    """Return Jinja code in which what begins like a sentence is passed through gettext."""

    def one(found: re.Match[str]) -> str:
        text = found[1]
        if not _LIKE_A_SENTENCE.fullmatch(text) or _NO_TEXT.search(code[: found.start()]):
            return found[0]
        if code[found.end() :].lstrip().startswith(":"):
            return found[0]
        return f'gettext("{text.replace("%", "%%")}")'

    return _LITERAL.sub(one, code)
