"""Compiles translations of the console, unless they change placeholders or bring markup."""

import pathlib
import re
import sys
from collections.abc import Iterator

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from stead.ui.languages import LOCALES

PLACEHOLDER = re.compile(r"%\(\w+\)s|%%|%s")
MARKUP = re.compile(r'[<>"&]')


def translations() -> Iterator[tuple[pathlib.Path, Catalog]]:
    """Read every translation there is."""
    for path in sorted(LOCALES.glob("*/stead.po")):
        with path.open("rb") as file:
            yield path, read_po(file)


def offences(message: Message) -> list[str]:
    """Return what is wrong with one translation."""
    said, meant = str(message.string), str(message.id)
    wrong = []
    if sorted(PLACEHOLDER.findall(said)) != sorted(PLACEHOLDER.findall(meant)):
        wrong.append("has other placeholders")
    if set(MARKUP.findall(said)) - set(MARKUP.findall(meant)):
        wrong.append("brings markup")
    return wrong


def wrong_in(catalog: Catalog) -> list[str]:
    """Return what is wrong with the translations of one language."""
    said = [message for message in catalog if message.id and message.string]
    return [f"{message.id!r} {why}" for message in said for why in offences(message)]


def main() -> int:
    """Compile what is right; return what to exit with."""
    result = 0
    for path, catalog in translations():
        wrong = wrong_in(catalog)
        sys.stderr.write("".join(f"{path}: {one}\n" for one in wrong))
        if wrong:
            result = 1
            continue
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
    return result


if __name__ == "__main__":
    sys.exit(main())
