"""The client's verbs: everything here goes through the HTTP API."""

import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from stead.entrypoints import (
    account_commands,
    audit_commands,
    bundle_commands,
    config,
    config_commands,
    connect_commands,
    fleet_commands,
    project_commands,
    source_commands,
    webhook_commands,
    work_commands,
)
from stead.entrypoints.client import Client, CommandError
from stead.entrypoints.config import Login
from stead.entrypoints.follow import follow, follow_undo
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import (
    USAGE,
    Json,
    client as _client,
    say as _say,
    secret,
    wrong as _wrong,
)

VERBS: Final = {
    "follow": "",
    "log": "",
    "cancel": "Cancelling; what was made is taken away again",
    "keep": "If it fails, everything stays as it is",
    "retry": "Trying again",
    "undo": "Taking it back",
}

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Deploy apps on the machines you own. On the server: serve, edge, admin. For authors"
    " of packages: catalog. Each of them has --help of its own.",
)
app.add_typer(audit_commands.audit, name="audit")
app.add_typer(project_commands.project, name="project")
app.add_typer(project_commands.member, name="member")
app.add_typer(project_commands.organisation, name="organisation")
app.add_typer(connect_commands.cluster, name="cluster")
app.add_typer(fleet_commands.server, name="server")
app.add_typer(source_commands.source, name="source")
app.add_typer(work_commands.job, name="job")
app.add_typer(work_commands.bulk, name="bulk")
app.command("agents")(fleet_commands.agents)
app.add_typer(fleet_commands.agent, name="agent")
app.add_typer(webhook_commands.webhook, name="webhook")
app.add_typer(bundle_commands.bundle, name="bundle")
app.add_typer(config_commands.config, name="config")
app.add_typer(account_commands.token, name="token")
app.add_typer(account_commands.session, name="session")
app.add_typer(account_commands.person, name="person")
app.add_typer(account_commands.factor, name="second-factor")
app.command()(account_commands.whoami)
app.command()(account_commands.password)
Watch = Annotated[bool, typer.Option(help="Show what happens until it has ended.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Leave the installer's output out.")]


def main() -> None:
    """Run the client; expected failures print their words and set the exit code."""
    try:
        app()
    except CommandError as error:
        sys.stderr.write(f"stead: {error}\n")
        sys.exit(error.code)


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="The console's address.")],
    ca: Annotated[Path | None, typer.Option(help="The CA certificate to trust.")] = None,
    user: Annotated[str, typer.Option(help="Sign in with this name and a password.")] = "",
) -> None:
    """Remember a server and a token, which is read from standard input.

    With --user, name and password make a token for this machine instead.
    """
    chosen = Login(url.rstrip("/"), "", ca.read_text() if ca is not None else "")
    token = _sign_in(Client(chosen), user) if user else secret("API token")
    chosen = replace(chosen, token=token.strip())
    person = Client(chosen).get("/api/v1/me")
    path = config.save(chosen)
    _say(f"Signed in to {chosen.url} as {person['name']} ({path})")


@app.command()
@listing(
    "id",
    "version",
    "tested",
    "summary",
    shown=lambda row: {**row, "tested": _tested(row)},
    nothing="No app matches; stead apps lists them all",
)
def apps(
    words: Annotated[list[str] | None, typer.Argument(help="What to look for.")] = None,
    *,
    category: Annotated[str, typer.Option(help="Only apps of this category.")] = "",
    tag: Annotated[str, typer.Option(help="Only apps with this tag.")] = "",
) -> str:
    """List the apps of the catalog, or look for some."""
    wanted = {"q": " ".join(words or []), "category": category, "tag": tag}
    query = urlencode({key: value for key, value in wanted.items() if value})
    return f"/api/v1/catalog?{query}" if query else "/api/v1/catalog"


@app.command("app")
def show_app(name: str) -> None:
    """Describe one app and what it asks for."""
    found = _client().get(f"/api/v1/catalog/{name}")
    _say(f"{found['name']} {found['version']}\n\n{found['description'].strip()}\n")
    why = f", {found['unproven']}" if found["unproven"] else ""
    _say(f"  tested   {_tested(found) or 'no'}{why}")
    _say(f"  needs    {found['systems']}, {found['min_ram_mb']} MB of memory")
    for service in found["services"]:
        _say(f"  opens    {service['name']}: {service['how']}")
    _say("")
    required = found["inputs"].get("required", [])
    for key, schema in found["inputs"].get("properties", {}).items():
        mark = "required" if key in required else _default(schema.get("default"))
        _say(f"  --set {key}=…  {schema.get('title', '')} ({mark})")


def _default(value: object) -> str:
    """Return what an input is when it is left out, written as --set takes it."""
    if value is None or value == "":
        return "optional"
    return f"default {str(value).lower() if isinstance(value, bool) else value}"


def _tested(found: dict[str, Any]) -> str:
    proof = found["tested"]
    if proof is None:
        return "not proven" if found["unproven"] else ""
    return f"{proof['date']}, installs in {proof['install_seconds']:g} s"


@app.command()
def deploy(
    app_name: Annotated[str, typer.Argument(metavar="APP")],
    *,
    name: Annotated[str, typer.Option(help="Its name; the app's name if left out.")] = "",
    project: Annotated[str, typer.Option(help="The project, if you have several.")] = "",
    size: Annotated[str, typer.Option(help="small, medium or large.")] = "",
    cluster: Annotated[str, typer.Option(help="One of stead cluster targets.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An input of the app.")
    ] = None,
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--set-file",
            metavar="KEY=PATH",
            help="An input from a file, - for standard input; keeps secrets off the command line.",
        ),
    ] = None,
    watch: Watch = True,
    quiet: Quiet = False,
) -> None:
    """Install an app into a container of its own and publish it."""
    inputs = _inputs(settings or [], "--set")
    for key, path in _inputs(files or [], "--set-file").items():
        inputs[key] = _content(path)
    body: dict[str, Any] = {"app": app_name, "inputs": inputs}
    named = {"name": name, "project": project, "size": size, "cluster": cluster}
    body |= {option: value for option, value in named.items() if value}
    client = _client()
    accepted = client.post("/api/v1/deployments", body)
    if not watch:
        _say(f"{accepted['name']}: operation {accepted['operation_id']}")
        return
    follow(client, accepted["operation_id"], quiet=quiet)
    found = client.get(f"/api/v1/deployments/{accepted['deployment_id']}")
    _say(f"\n{found['name']} is live")
    _print_ways(found)


def _with_url(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "url": ", ".join(route["url"] for route in row["routes"])}


@app.command("list")
@listing("name", "app", "version", "state", "url", shown=_with_url)
def list_() -> str:
    """List the deployments of your projects."""
    return "/api/v1/deployments"


@app.command()
def show(
    name: str,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show secrets too.")] = False,
    as_json: Json = False,
) -> None:
    """Show one deployment: how to reach it and what it gives back."""
    client = _client()
    found = _find(client, name)
    if reveal:
        found["outputs"] = client.post(f"/api/v1/deployments/{found['id']}/reveal")
    if as_json:
        _say(json.dumps(found, indent=2))
        return
    _say(f"{found['name']}  {found['app_name']} {found['version']}  {found['state']}")
    _print_ways(found)


@app.command()
def remove(
    name: str,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    watch: Watch = True,
) -> None:
    """Delete a deployment with its container, address and routes."""
    client = _client()
    found = _find(client, name)
    if not yes and not _confirmed(found):
        _say("Nothing was removed")
        return
    accepted = client.delete(f"/api/v1/deployments/{found['id']}")
    if not watch:
        _say(f"{name}: operation {accepted['operation_id']}")
        return
    follow(client, accepted["operation_id"])
    _say(f"\n{name} is gone")


@app.command()
@listing("id", "title", "state", "created_at", usual_limit=50)
def operations(
    *,
    state: Annotated[list[str] | None, typer.Option(help="Only these, such as failed.")] = None,
    kind: Annotated[str, typer.Option(help="Only these, such as deployment.deploy.")] = "",
    before: Annotated[str, typer.Option(help="Go on after the last id of a list.")] = "",
) -> str:
    """List recent operations, newest first."""
    query = [("state", one) for one in state or []]
    query += [(name, value) for name, value in (("kind", kind), ("before", before)) if value]
    return f"/api/v1/operations?{urlencode(query)}" if query else "/api/v1/operations"


@app.command()
def operation(
    operation_id: str,
    verb: Annotated[str, typer.Argument(help=f"{', '.join(VERBS)}.")] = "follow",
    *,
    step: Annotated[str, typer.Option("--from", help="The step to retry from.")] = "",
    watch: Watch = True,
    quiet: Quiet = False,
) -> None:
    """Follow an operation from its beginning to its end, or do something with it."""
    if verb not in VERBS:
        _wrong(f"There is no {verb}; there are: {', '.join(VERBS)}")
    if step and verb != "retry":
        _wrong("--from belongs to retry")
    client = _client()
    path = f"/api/v1/operations/{operation_id}"
    if verb == "log":
        _say(client.text(f"{path}/log").rstrip())
        return
    if verb != "follow":
        client.post(f"{path}/{verb}", {"from": step} if step else None)
        _say(VERBS[verb])
    if watch and verb == "undo":
        follow_undo(client, operation_id)
    elif watch and verb in {"follow", "retry"}:
        follow(client, operation_id, quiet=quiet)


@app.command()
def cancel(operation_id: str) -> None:
    """Stop an operation and take away what it made."""
    client = _client()
    client.post(f"/api/v1/operations/{operation_id}/cancel")
    _say("Cancelling; what was made is taken away again")


@app.command()
def restored(*, look: Annotated[bool, typer.Option(help="Ask the engine first.")] = False) -> None:
    """Show what a restore left to decide, and where guests and records disagree."""
    client = _client()
    if look:
        follow(client, client.post("/api/v1/platform/look")["operation_id"], quiet=True)
    found = client.get("/api/v1/platform/restore")
    _say(f"Epoch {found['epoch']}, from {found['copied_at'] or 'the beginning'}")
    for one in found["decisions"]:
        guest = (
            f"{one['guest']} {one['presence'].replace('_', ' ')}" if one["guest"] else "no guest"
        )
        _say(f"{one['operation_id']}  {one['title']} ({guest}): {', '.join(one['choices'])}")
    for one in found["unknown"]:
        _say(f"unknown guest  {one['guest']}  {one['state']}  {', '.join(one['addresses'])}")
    for one in found["missing"]:
        _say(f"missing guest  {one['guest']}  of {one['deployment'] or 'no deployment'}")
    if found["looked_at"] is None:
        _say("Nobody has looked yet which guests there are: stead restored --look")
    elif not (found["decisions"] or found["unknown"] or found["missing"]):
        _say("Nothing to decide; records and guests agree")


@app.command()
def decide(
    operation_id: str,
    choice: Annotated[str, typer.Argument(help="adopt, undo or forget")],
    *,
    watch: Watch = True,
) -> None:
    """Decide about an operation that a restore interrupted."""
    if choice not in {"adopt", "undo", "forget"}:
        _wrong("Choose adopt, undo or forget")
    client = _client()
    acting = client.post(f"/api/v1/operations/{operation_id}/decision", {"choice": choice})
    if not watch or acting["state"] == "settled":
        _say(f"{choice}: operation {acting['id']}")
    elif choice == "undo":
        follow_undo(client, acting["id"])
    else:
        follow(client, acting["id"])


def _sign_in(client: Client, user: str) -> str:
    body = {
        "name": user,
        "password": secret("Password"),
        "token_name": f"CLI on {platform.node()}"[:80],
        "scopes": ["admin"],
    }
    try:
        made = client.post("/api/v1/sign-in", body)
    except CommandError as error:
        if error.reason != "auth.second_factor":
            raise
        made = client.post("/api/v1/sign-in", body | {"code": secret("Code")})
    return str(made["token"])


def _find(client: Client, name: str) -> dict[str, Any]:
    rows = client.rows("/api/v1/deployments")
    found = [row for row in rows if name in (row["name"], row["id"])]
    if len(found) != 1:
        known = ", ".join(row["name"] for row in rows) or "none"
        raise CommandError(f"There is no deployment {name}; there are: {known}", 5)
    return found[0]


def _confirmed(found: dict[str, Any]) -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Say --yes to remove without being asked", USAGE)
    return typer.confirm(f"Delete {found['name']} ({found['app_name']}) with all its data?")


def _content(path: str) -> str:
    """Return what a file says, without the line break that editors leave at its end."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _wrong(f"{path} cannot be read: {error}")
    return text.removesuffix("\n")


def _inputs(pairs: list[str], option: str) -> dict[str, str]:
    inputs = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            _wrong(f"{option} takes KEY=VALUE, and {key or 'one'} has no value")
        inputs[key] = value
    return inputs


def _print_ways(found: dict[str, Any]) -> None:
    for route in found["routes"]:
        _say(f"  {route['service']:<12} {route['url']}")
    for output in found["outputs"]:
        value = output["value"]
        shown = value if value is not None else f"(secret; stead show {found['name']} --reveal)"
        _say(f"  {output['label']:<12} {shown}")
