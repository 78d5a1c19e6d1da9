"""Languages of the console: which ones there are, which one a browser gets, and the lookup.

English needs no catalog: a message is its own translation. `en-XA` is made of the messages
themselves, longer and with accents, so that tests and translators see what cannot be translated.
"""

import gettext
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stead.kit.words import Said

LOCALES: Final = Path(__file__).parent / "locales"
MESSAGES: Final = LOCALES / "stead.pot"
ENGLISH: Final = "en"
PSEUDO: Final = "en-XA"
OPEN, CLOSE = "⟦", "⟧"
_LONGER: Final = 0.4
_ACCENTS: Final = str.maketrans(
    "AEIOUYCDGHKLNRSTWZaeiouycdghklnrstwz", "ÅÉÎÖÛÝÇÐĜĤĶĻÑŔŠŢŴŽåéîöûýçðĝĥķļñŕšţŵž"
)
_FIXED: Final = re.compile(r"(%\(\w+\)s|%%|%s|<[^>]*>|&\w+;)")
_ENTRY: Final = re.compile(r'^msgid ((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ASKED: Final = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*q=([0-9.]{1,5}))?\s*"
)
_ASKED_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class Language:
    """One language, and how messages are said in it."""

    code: str
    name: str
    messages: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_CURRENT: Final[ContextVar[Language | None]] = ContextVar("language", default=None)


@cache
def known() -> Mapping[str, Language]:
    """Return the languages by their code, English first."""
    found = {ENGLISH: Language(ENGLISH, "English")}
    for path in sorted(LOCALES.glob("*/stead.mo")):
        with path.open("rb") as file:
            told = gettext.GNUTranslations(file)
        messages = {one: told.gettext(one) for one in listed()}
        code = path.parent.name.replace("_", "-")
        found[code] = Language(code, told.info().get("x-name", code), messages)
    return {**found, PSEUDO: Language(PSEUDO, "Pseudo", {one: pseudo(one) for one in listed()})}


@cache
def listed() -> tuple[str, ...]:
    """Return every message there is, from the template of the catalogs."""
    text = MESSAGES.read_text(encoding="utf-8")
    found = ("".join(_QUOTED.findall(entry)) for entry in _ENTRY.findall(text))
    return tuple(one.replace('\\"', '"').replace("\\\\", "\\") for one in found if one)


def pseudo(message: str) -> str:
    """Return a message as no language says it: accents, brackets, and 40 % longer."""
    core = message.strip()
    parts = _FIXED.split(core)
    letters = sum(len(part) for at, part in enumerate(parts) if at % 2 == 0)
    said = "".join(p if at % 2 else p.translate(_ACCENTS) for at, p in enumerate(parts))
    more = " ".join(["öñé", "ţŵö", "ţĥŕéé"] * letters)[: max(1, round(letters * _LONGER))]
    return message.replace(core, f"{OPEN}{said} {more.strip()}{CLOSE}") if core else message


def choose(accepted: str, preferred: str = "") -> Language:
    """Return the language that somebody prefers, or that a browser accepts most."""
    languages = known()
    if preferred in languages:
        return languages[preferred]
    asked = (_ASKED.fullmatch(part) for part in accepted[:_ASKED_LIMIT].split(","))
    wanted = [(_quality(one[2]), one[1].lower()) for one in asked if one is not None]
    by_code = {code.lower(): one for code, one in languages.items()}
    for _, code in sorted(wanted, key=lambda one: -one[0]):
        if code in by_code:
            return by_code[code]
        if code.partition("-")[0] in by_code:
            return by_code[code.partition("-")[0]]
    return languages[ENGLISH]


def _quality(text: str | None) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Let everything inside be said in this language."""
    token = _CURRENT.set(language)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def translate(message: str) -> str:
    """Return a message in the language spoken now, its placeholders not yet filled."""
    language = _CURRENT.get()
    return message if language is None else language.messages.get(message, message)


def ours(text: str) -> str:
    """Return a text of ours that came without saying so, as through the API: a step's title."""
    return translate(text)


def said(text: object) -> object:
    """Return what is to be shown: our own texts in the language spoken now, all else as it is."""
    if not isinstance(text, Said):
        return text
    message = translate(text.message)
    return message % {n: said(v) for n, v in text.values.items()} if text.values else message
