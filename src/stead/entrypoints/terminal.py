"""What the client's verbs share: who is signed in, questions, tables, plain lines."""

import json
import re
import sys
from typing import Annotated, Any, Final, NoReturn

import typer

from stead.entrypoints import config
from stead.entrypoints.client import Client, CommandError
from stead.kit.text import plain

NOT_SIGNED_IN: Final = 3
NOT_FOUND: Final = 5
USAGE: Final = 2
# A moment as the API gives it; nobody reads parts of a second in a table.
_MOMENT: Final = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)$")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Watch = Annotated[bool, typer.Option(help="Show what happens until it has ended.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Leave the installer's output out.")]


def client() -> Client:
    """Return the API of the server that this account is signed in to."""
    found = config.find()
    if found is not None:
        return Client(found)
    meant, known = config.meant(), ", ".join(config.load().logins)
    if not known:
        raise CommandError("You are not signed in; run: stead login URL", NOT_SIGNED_IN)
    if not meant:
        raise CommandError(
            f"Say which server is meant: stead context use NAME\nThere are: {known}", NOT_SIGNED_IN
        )
    raise CommandError(f"There is no context {meant}; there are: {known}", NOT_FOUND)


def pick(rows: list[dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    """Return the one row of this name or id. Raises CommandError."""
    found = [row for row in rows if name in (row["name"], row.get("id"), row.get("user_id"))]
    if len(found) != 1:
        known = ", ".join(row["name"] for row in rows) or "none"
        raise CommandError(f"There is no {what} {name}; there are: {known}", NOT_FOUND)
    return found[0]


def sure(question: str, *, yes: bool) -> None:
    """Go on only if the person means it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("Say --yes to go on without being asked", USAGE)
    if not typer.confirm(question):
        raise CommandError("Nothing was changed")


def secret(what: str) -> str:
    """Ask for something that is not shown; without a terminal, read a line."""
    if sys.stdin.isatty():
        answer: str = typer.prompt(what, hide_input=True)
        return answer
    return sys.stdin.readline().rstrip("\n")


def wrong(text: str) -> NoReturn:
    """End because the command line itself makes no sense."""
    raise CommandError(text, USAGE)


def table(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    """Print rows in columns, or as JSON."""
    if as_json:
        say(json.dumps(rows, indent=2))
        return
    say(in_columns(rows, columns) or "Nothing here yet")


def in_columns(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    """Return rows in columns below their headings; of no rows, nothing."""
    if not rows:
        return ""
    cells = [[column.upper().replace("_", " ") for column in columns]]
    cells += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    padded = (
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in cells
    )
    return "\n".join(line.rstrip() for line in padded)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else plain(_MOMENT.sub(r"\1 \2Z", str(value)))
