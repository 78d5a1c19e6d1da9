"""The client's verb that changes a deployment."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stead.entrypoints.follow import follow
from stead.entrypoints.terminal import client, pick, say, wrong

Name = Annotated[str, typer.Argument(help="The deployment's name or id.")]


def add(app: typer.Typer) -> None:
    """Add the verb to the client."""
    app.command()(change)


def change(
    name: Name,
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value for an input."),
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--set-file",
            metavar="KEY=PATH",
            help="An input from a file, - for standard input; keeps secrets off the command line.",
        ),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", help="An input that gets its default; a made password is made anew."
        ),
    ] = None,
    version: Annotated[str, typer.Option("--to-version", help="The version in the catalog.")] = "",
    watch: Annotated[bool, typer.Option(help="Show what happens until it has ended.")] = True,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Leave the installer's output out.")
    ] = False,
) -> None:
    """Give a deployment other inputs or another version; its data is kept."""
    inputs: dict[str, Any] = dict(pairs(settings or [], "--set"))
    for key, path in pairs(files or [], "--set-file").items():
        inputs[key] = content(path)
    inputs |= dict.fromkeys(unset or [])
    if not inputs and not version:
        wrong("Say what to change: --set KEY=VALUE, --unset KEY or --to-version VERSION")
    api = client()
    found = pick(api.rows("/api/v1/deployments"), name, "deployment")
    body = {"inputs": inputs} | ({"version": version} if version else {})
    accepted = api.patch(f"/api/v1/deployments/{found['id']}", body)
    if not watch:
        say(f"{accepted['name']}: operation {accepted['operation_id']}")
        return
    follow(api, accepted["operation_id"], quiet=quiet)
    say(f"\n{accepted['name']} is changed")


def pairs(given: list[str], option: str) -> dict[str, str]:
    """Return what KEY=VALUE options say; leaves with what is wrong about them."""
    found = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            wrong(f"{option} takes KEY=VALUE, and {key or 'one'} has no value")
        found[key] = value
    return found


def content(path: str) -> str:
    """Return what a file says, without the line break that editors leave at its end."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        wrong(f"{path} cannot be read: {error}")
    return text.removesuffix("\n")
