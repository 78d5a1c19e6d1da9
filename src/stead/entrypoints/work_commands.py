"""The client's verbs for work on machines: jobs, packages, and many machines at once."""

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.follow import follow
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Json, client, pick, say, table, wrong

job = typer.Typer(no_args_is_help=True, help="Have agents do jobs on machines, and list them.")
bulk = typer.Typer(no_args_is_help=True, help="Work on many machines, canaries first.")
Machine = Annotated[str, typer.Argument(metavar="MACHINE", help="Its name or id.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE")]
Watch = Annotated[bool, typer.Option(help="Show what happens until it has ended.")]


@job.command("list")
@listing(
    "id",
    "machine",
    "what",
    "state",
    "outcome",
    "requested_by",
    "created_at",
    usual_limit=50,
    nothing="There is no such job",
)
def list_jobs(
    *,
    machine: Annotated[str, typer.Option(help="Only of this machine.")] = "",
    app: Annotated[str, typer.Option(help="Only of this package.")] = "",
    state: Annotated[str, typer.Option(help="queued, claimed or ended.")] = "",
    outcome: Annotated[str, typer.Option(help="Such as done, failed or refused.")] = "",
    user: Annotated[str, typer.Option(help="Only what this person asked for.")] = "",
) -> str:
    """List the jobs of all machines, the latest first."""
    asked = {"machine": machine, "app": app, "state": state, "outcome": outcome, "user": user}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/api/v1/jobs?{query}" if query else "/api/v1/jobs"


@job.command("commands")
def list_commands(*, as_json: Json = False) -> None:
    """List the commands that may be run."""
    rows = client().rows("/api/v1/commands")
    if not as_json:
        rows = [{**row, "asks_for": [one["name"] for one in row["parameters"]]} for row in rows]
    table(rows, ("name", "title", "asks_for", "least"), as_json=as_json)


@job.command("figures")
def figures(*, as_json: Json = False) -> None:
    """Tell how agents' work goes on the whole platform; for auditors and admins."""
    found = client().get("/api/v1/figures")
    if as_json:
        say(json.dumps(found, indent=2))
        return
    health = ", ".join(f"{number} {name}" for name, number in found["agents"].items())
    say(f"agents    {health}")
    say(f"jobs      {found['running']} running, {found['queued']} waiting")
    for name, number in sorted(found["failures"].items()):
        say(f"failures  {number} {name}")
    rows = [
        {
            **one,
            "success": f"{one['success']:.0%}",
            "mean_seconds": f"{one['mean_seconds']:.1f}",
        }
        for one in found["apps"]
    ]
    say("")
    table(rows, ("app", "success", "ended", "mean_seconds"), as_json=False)


@job.command("run")
def run(
    machine: Machine,
    kind: Annotated[
        str, typer.Argument(help="service, facts, readiness, log, updates or command.")
    ],
    *,
    arguments: Set = None,
    watch: Watch = True,
) -> None:
    """Have a machine's agent do a job; --set says the rest, such as action=restart."""
    _start(machine, {"kind": kind, "arguments": _pairs(arguments)}, watch=watch)


@job.command("push")
def push(
    machine: Machine,
    source: Annotated[str, typer.Argument(help="A file here, - for standard input.")],
    path: Annotated[str, typer.Argument(help="Where it goes, such as /etc/motd.")],
    *,
    owner: str = "root",
    group: str = "root",
    mode: Annotated[str, typer.Option(help="Such as 0640.")] = "0644",
    watch: Watch = True,
) -> None:
    """Put a file on a machine, whole or not at all, with its owner and mode."""
    body = {"target": path, "owner": owner, "group": group, "mode": mode}
    api = client()
    began = api.post(f"{_path(api, machine)}/files", body | {"content": _encoded(source)})
    _tell(api, began, watch=watch)


@job.command("packages")
def packages(machine: Machine, *, as_json: Json = False) -> None:
    """List the packages on a machine."""
    api = client()
    rows = api.rows(f"{_path(api, machine)}/packages")
    table(rows, ("app", "version", "state", "requested_by", "created_at"), as_json=as_json)


@job.command("show")
def show_package(
    machine: Machine,
    app: str,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show secrets too.")] = False,
    as_json: Json = False,
) -> None:
    """Show a package on a machine: where it is and what it gives back."""
    api = client()
    path = f"{_path(api, machine)}/packages/{quote(app, safe='')}"
    found = api.get(path)
    if reveal:
        found["outputs"] = api.post(f"{path}/reveal")
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['app_name']} {found['version']}  {found['state']}")
    for one in found["outputs"]:
        say(f"  {one['label']}: {_said(one['value'])}")


def _said(value: str | None) -> str:
    return "(secret; shown with --reveal)" if value is None else value


@job.command("install")
def install(machine: Machine, app: str, *, inputs: Set = None, watch: Watch = True) -> None:
    """Install a package on a machine that is there already."""
    api = client()
    body = {"app": app, "inputs": _pairs(inputs)}
    _tell(api, api.post(f"{_path(api, machine)}/packages", body), watch=watch)


@job.command("uninstall")
def uninstall(
    machine: Machine,
    app: str,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget it though it has no removal of its own.")
    ] = False,
    watch: Watch = True,
) -> None:
    """Run a package's own removal, and forget it."""
    api = client()
    query = "?forget=true" if forget else ""
    began = api.delete(f"{_path(api, machine)}/packages/{quote(app, safe='')}{query}")
    _tell(api, began, watch=watch)


@bulk.command("list")
def list_bulk(*, as_json: Json = False) -> None:
    """List the latest work on many machines."""
    rows = client().rows("/api/v1/bulk")
    if not as_json:
        rows = [{**row, "machines": _counts(row)} for row in rows]
    table(rows, ("id", "title", "state", "machines", "created_at"), as_json=as_json)


@bulk.command("show")
def show_bulk(bulk_id: str, *, as_json: Json = False) -> None:
    """Show how each machine stands."""
    found = client().get(f"/api/v1/bulk/{quote(bulk_id, safe='')}")
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['title']}  {found['state']}  ({_counts(found)})\n")
    table(found["targets"], ("name", "state", "operation_id", "reason"), as_json=False)


@bulk.command("start")
def start_bulk(
    machines: Annotated[list[str], typer.Argument(help="Names or ids.")],
    *,
    project: Annotated[str, typer.Option(help="The project, if you have several.")] = "",
    app: Annotated[str, typer.Option(help="The package to install.")] = "",
    kind: Annotated[str, typer.Option(help="The kind of job to do.")] = "",
    arguments: Set = None,
    concurrency: Annotated[int, typer.Option(min=1, max=10, help="How many at once.")] = 5,
    canaries: Annotated[int, typer.Option(min=0, max=100, help="How many go first.")] = 1,
    accepted: Annotated[
        int, typer.Option(min=0, max=100, help="Percent that may fail before it stops.")
    ] = 20,
    watch: Watch = True,
) -> None:
    """Install a package or do a job on many machines."""
    if bool(app) == bool(kind):
        wrong("Say either --app or --kind")
    body: dict[str, Any] = {
        "machines": machines,
        "concurrency": concurrency,
        "canaries": canaries,
        "accepted_failures": accepted,
    }
    given = _pairs(arguments)
    body |= {"project": project} if project else {}
    body |= {"install": {"app": app, "inputs": given}} if app else {}
    body |= {"task": {"kind": kind, "arguments": given}} if kind else {}
    api = client()
    made = api.post("/api/v1/bulk", body)
    say(f"{made['title']}: stead bulk show {made['id']}")
    _tell(api, made, watch=watch)


@bulk.command("update")
def update_agents(
    machines: Annotated[
        list[str] | None, typer.Argument(help="Names or ids; without any, all that are outdated.")
    ] = None,
    *,
    project: Annotated[str, typer.Option(help="The project, if you have several.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, max=10, help="How many at once.")] = 5,
    canaries: Annotated[int, typer.Option(min=0, max=100, help="How many go first.")] = 1,
    accepted: Annotated[
        int, typer.Option(min=0, max=100, help="Percent that may fail before it stops.")
    ] = 20,
    watch: Watch = True,
) -> None:
    """Update agents in waves; one that does not work afterwards returns to the version before."""
    api = client()
    if not machines:
        rows = [row for row in api.rows("/api/v1/agents") if row["outdated"]]
        machines = [row["id"] for row in rows if project in ("", row["project"])]
    if not machines:
        say("No agent is outdated")
        return
    body: dict[str, Any] = {
        "machines": machines,
        "concurrency": concurrency,
        "canaries": canaries,
        "accepted_failures": accepted,
        "task": {"kind": "update"},
    }
    body |= {"project": project} if project else {}
    made = api.post("/api/v1/bulk", body)
    say(f"{made['title']}: stead bulk show {made['id']}")
    _tell(api, made, watch=watch)


@bulk.command("retry")
def retry_bulk(bulk_id: str, *, watch: Watch = True) -> None:
    """Begin anew with the machines that are not done."""
    api = client()
    _tell(api, api.post(f"/api/v1/bulk/{quote(bulk_id, safe='')}/retry"), watch=watch)


def _start(machine: str, body: dict[str, Any], *, watch: bool) -> None:
    api = client()
    _tell(api, api.post(f"{_path(api, machine)}/jobs", body), watch=watch)


def _tell(api: Client, began: dict[str, Any], *, watch: bool) -> None:
    if watch:
        follow(api, began["operation_id"])
    else:
        say(f"operation {began['operation_id']}")


def _path(api: Client, machine: str) -> str:
    found = pick(api.rows("/api/v1/agents"), machine, "machine")
    return f"/api/v1/agents/{found['id']}"


def _pairs(pairs: list[str] | None) -> dict[str, str]:
    found = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            wrong(f"--set takes KEY=VALUE, and {key or 'one'} has no value")
        found[key] = value
    return found


def _encoded(source: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        wrong(f"{source} cannot be read: {error}")
    return base64.b64encode(raw).decode()


def _counts(row: dict[str, Any]) -> str:
    return ", ".join(f"{number} {state}" for state, number in row["counts"].items() if number)
