"""The client's verbs for a deployment that is there."""

from typing import Annotated, Any, Final

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.follow import follow
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Yes, client, pick, say, sure

_NONE: Final = "There is no snapshot; stead snapshot create takes one"
Name = Annotated[str, typer.Argument(help="The deployment's name or id.")]
Snapshot = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its name or id.")]
snapshot = typer.Typer(no_args_is_help=True, help="Snapshots: states to which one can return.")
Watch = Annotated[bool, typer.Option(help="Show what happens until it has ended.")]


def add(app: typer.Typer) -> None:
    """Add the verbs to the client."""
    for verb in (start, stop, restart, resize):
        app.command()(verb)
    app.add_typer(snapshot, name="snapshot")


def start(name: Name, *, watch: Watch = True) -> None:
    """Start a deployment that is stopped, or whose container somebody else stopped."""
    _have(name, "start", "is live", watch=watch)


def stop(name: Name, *, watch: Watch = True) -> None:
    """Stop a deployment's container; its data and its address are kept."""
    _have(name, "stop", "is stopped", watch=watch)


def restart(name: Name, *, watch: Watch = True) -> None:
    """Stop a deployment's container and start it again."""
    _have(name, "restart", "is live", watch=watch)


def resize(
    name: Name,
    *,
    size: Annotated[str, typer.Option(help="small, medium or large.")] = "",
    cores: Annotated[int, typer.Option(help="Processors.")] = 0,
    memory: Annotated[int, typer.Option(help="Memory in MB.")] = 0,
    disk: Annotated[int, typer.Option(help="Disk in GB; it can only grow.")] = 0,
    watch: Watch = True,
) -> None:
    """Give a deployment's container more or less, while it runs."""
    api = client()
    named = {"size": size, "cores": cores, "memory_mb": memory, "disk_gb": disk}
    body = {option: value for option, value in named.items() if value}
    accepted = api.post(f"{path_of(api, name)}/resize", body)
    _tell(api, accepted, f"{accepted['name']} has its new size", watch=watch)


def _have(name: str, verb: str, done: str, *, watch: bool) -> None:
    api = client()
    accepted = api.post(f"{path_of(api, name)}/{verb}")
    _tell(api, accepted, f"{accepted['name']} {done}", watch=watch)


@snapshot.command("list")
@listing("name", "state", "version", "note", "created_by", "created_at", nothing=_NONE)
def list_snapshots(name: Name) -> str:
    """List the snapshots of a deployment."""
    return f"{path_of(client(), name)}/snapshots"


@snapshot.command("create")
def create_snapshot(
    name: Name,
    called: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="What it is called.")],
    *,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    watch: Watch = True,
) -> None:
    """Keep how a deployment's disk is now, while the app goes on."""
    api = client()
    body = {"name": called, "note": note}
    accepted = api.post(f"{path_of(api, name)}/snapshots", body)
    _tell(api, accepted, f"{called} is taken", watch=watch)


@snapshot.command("restore")
def restore_snapshot(name: Name, kept: Snapshot, *, yes: Yes = False, watch: Watch = True) -> None:
    """Return to a snapshot; what was written since is lost."""
    api = client()
    path = _snapshot(api, name, kept)
    sure(f"Return {name} to {kept} and lose what was written since?", yes=yes)
    _tell(api, api.post(f"{path}/restore"), f"{name} is as it was at {kept}", watch=watch)


@snapshot.command("delete")
def delete_snapshot(name: Name, kept: Snapshot, *, yes: Yes = False, watch: Watch = True) -> None:
    """Forget a snapshot; how the deployment is now does not change."""
    api = client()
    path = _snapshot(api, name, kept)
    sure(f"Delete the snapshot {kept} of {name}?", yes=yes)
    _tell(api, api.delete(path), f"{kept} is gone", watch=watch)


def _snapshot(api: Client, name: str, kept: str) -> str:
    path = f"{path_of(api, name)}/snapshots"
    return f"{path}/{pick(api.rows(path), kept, 'snapshot')['id']}"


def _tell(api: Client, accepted: dict[str, Any], done: str, *, watch: bool) -> None:
    if not watch:
        say(f"{accepted['name']}: operation {accepted['operation_id']}")
        return
    follow(api, accepted["operation_id"])
    say(f"\n{done}")


def path_of(api: Client, name: str) -> str:
    """Return where a deployment is in the API."""
    found = pick(api.rows("/api/v1/deployments"), name, "deployment")
    return f"/api/v1/deployments/{found['id']}"
