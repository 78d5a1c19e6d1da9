"""The client's verbs: everything here goes through the HTTP API."""

import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from stead.entrypoints import (
    account_commands,
    acting_commands,
    audit_commands,
    bundle_commands,
    change_commands,
    config,
    config_commands,
    connect_commands,
    context_commands,
    fleet_commands,
    operation_commands,
    project_commands,
    source_commands,
    webhook_commands,
    work_commands,
)
from stead.entrypoints.change_commands import content, pairs
from stead.entrypoints.client import Client, CommandError
from stead.entrypoints.config import Login
from stead.entrypoints.follow import follow
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import (
    USAGE,
    Json,
    Quiet,
    Watch,
    client as _client,
    say as _say,
    secret,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Deploy apps on the machines you own. On the server: serve, edge, admin. For authors"
    " of packages: catalog. Each of them has --help of its own.",
)
app.add_typer(context_commands.context, name="context")
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
acting_commands.add(app)
change_commands.add(app)
app.command()(account_commands.whoami)
app.command()(account_commands.password)
app.command()(operation_commands.operations)
app.command()(operation_commands.operation)
app.command()(operation_commands.cancel)
app.command()(operation_commands.restored)
app.command()(operation_commands.decide)


def main() -> None:
    """Run the client; expected failures print their words and set the exit code."""
    try:
        app()
    except CommandError as error:
        sys.stderr.write(f"stead: {error}\n")
        sys.exit(error.code)


@app.callback()
def meant(
    context: Annotated[
        str,
        typer.Option(
            envvar="STEAD_CONTEXT",
            help="The server that is meant; see stead context list.",
            autocompletion=context_commands.names,
        ),
    ] = "",
) -> None:
    """Note which server the verb that follows is meant for."""
    config.ask_for(context)


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="The console's address.")],
    ca: Annotated[Path | None, typer.Option(help="The CA certificate to trust.")] = None,
    user: Annotated[str, typer.Option(help="Sign in with this name and a password.")] = "",
    context: Annotated[
        str, typer.Option(help="What to call this server; its host and port if left out.")
    ] = "",
) -> None:
    """Remember a server and a token, which is read from standard input.

    With --user, name and password make a token for this machine instead. The server is the one
    that is meant from then on; others that you signed in to stay: stead context list.
    """
    address = url.rstrip("/")
    name = context_commands.name_for(address, context)
    chosen = Login(address, "", ca.read_text() if ca is not None else "")
    token = _sign_in(Client(chosen), user) if user else secret("API token")
    chosen = replace(chosen, token=token.strip())
    person = Client(chosen).get("/api/v1/me")
    path = config.save(name, chosen)
    _say(f"Signed in to {chosen.url} as {person['name']} (context {name} in {path})")


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
    keep: Annotated[
        bool, typer.Option("--keep", help="If it fails, leave it as it is, to be looked at.")
    ] = False,
    watch: Watch = True,
    quiet: Quiet = False,
) -> None:
    """Install an app into a container of its own and publish it."""
    inputs = pairs(settings or [], "--set")
    for key, path in pairs(files or [], "--set-file").items():
        inputs[key] = content(path)
    body: dict[str, Any] = {"app": app_name, "inputs": inputs}
    named = {"name": name, "project": project, "size": size, "cluster": cluster}
    body |= {option: value for option, value in named.items() if value}
    body |= {"keep": True} if keep else {}
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


def _print_ways(found: dict[str, Any]) -> None:
    for route in found["routes"]:
        _say(f"  {route['service']:<12} {route['url']}")
    for output in found["outputs"]:
        value = output["value"]
        shown = value if value is not None else f"(secret; stead show {found['name']} --reveal)"
        _say(f"  {output['label']:<12} {shown}")
