"""The client's verbs for the fleet: agents, and servers that join."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Yes, client, pick, say, sure, wrong

agent = typer.Typer(no_args_is_help=True, help="Say how the agent of a machine works.")
server = typer.Typer(no_args_is_help=True, help="Let servers without an engine join, and go.")
Project = Annotated[str, typer.Option(help="The project, if you have several.")]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    job = ", ".join(one["what"] for one in row["jobs"])
    version = f"{row['version'] or ''}{' (outdated)' if row['outdated'] else ''}"
    more = {
        "agent": row["health"],
        "job": job,
        "last_seen": row["seen_at"],
        "over": row["transport"],
    }
    return {**row, **more, "version": version}


@listing(
    "name", "kind", "project", "agent", "version", "load", "job", "over", "last_seen", shown=_shown
)
def agents(*, project: Project = "") -> str:
    """List instances and servers with their agents: version, load, job, last seen."""
    query = f"?{urlencode({'project': project})}" if project else ""
    return f"/api/v1/agents{query}"


@agent.command("limits")
def limits(
    machine: Annotated[str, typer.Argument(help="Its name or id.")],
    *,
    changing: Annotated[
        int | None, typer.Option(min=1, max=16, help="Jobs at once that change the machine.")
    ] = None,
    quick: Annotated[
        int | None, typer.Option(min=1, max=16, help="Jobs at once that only look.")
    ] = None,
) -> None:
    """Show how many jobs an agent runs at once, or change it."""
    api = client()
    found = pick(api.rows("/api/v1/agents"), machine, "machine")
    asked = {"changing": changing, "quick": quick}
    body = {name: number for name, number in asked.items() if number is not None}
    if body:
        found = api.patch(f"/api/v1/agents/{found['id']}/limits", body)
    if not isinstance(found["limits"], dict):
        wrong(f"{found['name']} has no agent yet")
    most = found["limits"]
    say(f"{found['name']}: {most['changing']} that change it, {most['quick']} that look")


@server.command("add")
def add(name: str, *, project: Project = "") -> None:
    """Expect a server, and print how it joins."""
    body = {"name": name} | ({"project": project} if project else {})
    _tell(client().post("/api/v1/servers", body))


@server.command("token")
def token(name: str) -> None:
    """Make a new one-time token, so that a server can join again."""
    api = client()
    _tell(api.post(f"/api/v1/servers/{_find(api, name)['id']}/token"))


@server.command("remove")
def remove(name: str, *, yes: Yes = False) -> None:
    """Forget a server and refuse its agent. What runs on the machine goes on."""
    api = client()
    found = _find(api, name)
    sure(f"Forget {found['name']}?", yes=yes)
    api.delete(f"/api/v1/servers/{found['id']}")
    say(f"{found['name']} is forgotten; on the machine: systemctl disable --now stead-agent")


def _find(api: Client, name: str) -> dict[str, object]:
    rows = [row for row in api.rows("/api/v1/agents") if row["kind"] == "server"]
    return pick(rows, name, "server")


def _tell(made: dict[str, str]) -> None:
    say(f"Run this on {made['name']}, then enter the token when it asks for it:\n")
    say(f"  {made['command']}\n")
    say(f"  token        {made['token']}  (once, within ten minutes)")
    say(f"  checksum     {made['checksum']}")
    say(f"  fingerprint  {made['pin']}")
