"""The client's verbs for settings: both kinds to look at, the platform's to change."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.terminal import Json, client, say, table

config = typer.Typer(no_args_is_help=True, help="Look at settings, and change the platform's.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as session.idle_minutes.")]
Version = Annotated[
    int | None, typer.Option(help="Only if the setting still has this version.", min=0)
]


@config.command()
def show(
    beginning: Annotated[
        str, typer.Argument(metavar="[GROUP]", help="Only names that begin like this.")
    ] = "",
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is no default.")] = False,
    as_json: Json = False,
) -> None:
    """List all settings with their source: default, file, environment or database."""
    rows = [
        row
        for row in client().rows("/api/v1/settings")
        if row["name"].startswith(beginning) and not (changed and row["source"] == "default")
    ]
    plain = [{**row, "value": _words(row["value"], row["unit"])} for row in rows]
    table(rows if as_json else plain, ("name", "value", "source", "kind"), as_json=as_json)


@config.command()
def get(name: Name, *, as_json: Json = False) -> None:
    """Show one setting: what it is, what it can be and how to change it."""
    found = client().get(_path(name))
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['name']} = {_words(found['value'], found['unit']) or 'nothing'}")
    if found["help"]:
        say(f"\n{found['help']}\n")
        say(f"  accepts   {found['accepts']}")
    say(f"  default   {_words(found['default'], found['unit']) or 'nothing'}")
    by = f", version {found['version']} by {found['changed_by']}" if found["version"] else ""
    say(f"  source    {found['source']}{by}")
    say(f"  change    {found['where']}")


@config.command("set")
def set_(
    name: Name,
    value: Annotated[str, typer.Argument(help="Lists take commas; none is no limit.")],
    *,
    version: Version = None,
) -> None:
    """Change a setting of the platform. It holds at once, without a restart."""
    api = client()
    body = {"value": value, "version": _version(api, name, version)}
    _tell(api.put(_path(name), body))


@config.command()
def reset(name: Name, *, version: Version = None) -> None:
    """Go back to the default."""
    api = client()
    api.post(f"{_path(name)}/reset", {"version": _version(api, name, version)})
    _tell(api.get(_path(name)))


@config.command()
def undo(
    name: Name,
    to: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="0 is the default.")],
    *,
    version: Version = None,
) -> None:
    """Go back to what a setting was at an earlier version."""
    api = client()
    body = {"to": to, "version": _version(api, name, version)}
    api.post(f"{_path(name)}/undo", body)
    _tell(api.get(_path(name)))


@config.command()
def history(name: Name, *, as_json: Json = False) -> None:
    """List the changes of a setting, newest first."""
    rows = client().rows(f"{_path(name)}/history")
    if not as_json:
        rows = [
            {
                **row,
                "from": _words(row["old"]) + (" (default)" if row["was_default"] else ""),
                "to": _words(row["new"]) + (" (default)" if row["is_default"] else ""),
            }
            for row in rows
        ]
    table(rows, ("version", "at", "by", "from", "to"), as_json=as_json)


def _version(api: Client, name: str, given: int | None) -> int:
    return given if given is not None else int(api.get(_path(name))["version"])


def _tell(found: dict[str, Any]) -> None:
    mark = " (default)" if found["source"] == "default" else ""
    value = _words(found["value"], found["unit"]) or "nothing"
    say(f"{found['name']} = {value}{mark}, version {found['version']}")


def _words(value: object, unit: str = "") -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value} {unit}".rstrip()


def _path(name: str) -> str:
    return f"/api/v1/settings/{quote(name, safe='')}"
