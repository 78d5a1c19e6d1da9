"""Every command that a page tells people to run is one that the command line has."""

import re
from pathlib import Path
from typing import Any

import typer

from stead import bootstrap
from stead.entrypoints import admin, authoring, commands

ROOT = Path(__file__).parents[2] / "src" / "stead"
SHOWN = re.compile(r"""(?:cli\(["']|<code>|value\(["'])(stead [a-z][^"'<]*)""")


def _shown() -> set[str]:
    pages = ROOT.glob("*/templates/*.html")
    return {found.strip() for page in pages for found in SHOWN.findall(page.read_text())}


def _find(words: list[str]) -> bool:
    """Tell whether the words name a command, and their options are options of it."""
    for app in (commands.app, admin.app, bootstrap.app, authoring.app):
        at: Any = typer.main.get_command(app)
        rest = list(words)
        while hasattr(at, "commands") and rest:
            at = at.commands.get(rest.pop(0))
        if at is not None and not hasattr(at, "commands"):
            known = {name for parameter in at.params for name in parameter.opts}
            return {word for word in rest if word.startswith("--")} <= known
    return False


def test_the_commands_on_pages_exist():
    shown = _shown()
    assert len(shown) > 10
    unknown = {command for command in shown if not _find(command.split()[1:])}
    assert unknown == set(), "a page shows it: add the verb in entrypoints, or correct the page"


def test_what_is_no_command_would_be_noticed():
    assert _find(["token", "create", "NAME", "--scope", "deploy"])
    assert not _find(["token", "create", "NAME", "--nonsense"])
    assert not _find(["sessions"])
    assert not _find(["token"])
