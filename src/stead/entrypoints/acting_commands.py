"""The client's verbs for a deployment that is there."""

from typing import Annotated

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.follow import follow
from stead.entrypoints.terminal import client, pick, say

Name = Annotated[str, typer.Argument(help="The deployment's name or id.")]
Watch = Annotated[bool, typer.Option(help="Show what happens until it has ended.")]


def add(app: typer.Typer) -> None:
    """Add the verbs to the client."""
    for verb in (start, stop, restart):
        app.command()(verb)


def start(name: Name, *, watch: Watch = True) -> None:
    """Start a deployment that is stopped, or whose container somebody else stopped."""
    _have(name, "start", "is live", watch=watch)


def stop(name: Name, *, watch: Watch = True) -> None:
    """Stop a deployment's container; its data and its address are kept."""
    _have(name, "stop", "is stopped", watch=watch)


def restart(name: Name, *, watch: Watch = True) -> None:
    """Stop a deployment's container and start it again."""
    _have(name, "restart", "is live", watch=watch)


def _have(name: str, verb: str, done: str, *, watch: bool) -> None:
    api = client()
    accepted = api.post(f"{path_of(api, name)}/{verb}")
    if not watch:
        say(f"{name}: operation {accepted['operation_id']}")
        return
    follow(api, accepted["operation_id"])
    say(f"\n{accepted['name']} {done}")


def path_of(api: Client, name: str) -> str:
    """Return where a deployment is in the API."""
    found = pick(api.rows("/api/v1/deployments"), name, "deployment")
    return f"/api/v1/deployments/{found['id']}"
