"""``stead bundle``: several apps as a unit, wired to each other."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.follow import follow
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Json, Yes, client, pick, say, sure, table, wrong

bundle = typer.Typer(
    no_args_is_help=True, help="Bundles: several apps as a unit, wired to each other."
)
Watch = Annotated[bool, typer.Option(help="Show what happens until it has ended.")]
InUse = Annotated[str, typer.Argument(metavar="NAME", help="Its name or id.")]


@bundle.command("catalog")
def show_catalog(
    name: Annotated[str, typer.Argument(help="One bundle, with what its members ask for.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """List the bundles that can be deployed, or show one."""
    if not name:
        rows = client().rows("/api/v1/bundle-catalog")
        if not as_json:
            rows = [{**row, "apps": [one["app"] for one in row["members"]]} for row in rows]
        table(rows, ("id", "name", "version", "apps", "summary"), as_json=as_json)
        return
    found = client().get(f"/api/v1/bundle-catalog/{quote(name, safe='')}")
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['name']} {found['version']}  {found['summary']}\n")
    table(
        [_offered(one) for one in found["members"]],
        ("member", "app", "asks_for", "wired"),
        as_json=False,
    )


@bundle.command("list")
@listing("id", "name", "bundle", "version", "state")
def list_bundles() -> str:
    """List the bundles in use."""
    return "/api/v1/bundles"


@bundle.command("show")
def show(name: InUse, *, as_json: Json = False) -> None:
    """Show a bundle with its members."""
    api = client()
    found = api.get(_path(api, name))
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['name']}  {found['bundle']} {found['version']}  {found['state']}\n")
    table(found["members"], ("name", "app", "deployment_name", "state"), as_json=False)


@bundle.command("deploy")
def deploy(
    name: Annotated[str, typer.Argument(metavar="BUNDLE", help="stead bundle catalog")],
    *,
    called: Annotated[str, typer.Option("--name", help="What to call it.")] = "",
    project: Annotated[str, typer.Option(help="The project, if you have several.")] = "",
    inputs: Annotated[list[str] | None, typer.Option("--set", metavar="MEMBER.KEY=VALUE")] = None,
    sizes: Annotated[list[str] | None, typer.Option("--size", metavar="MEMBER=SIZE")] = None,
    watch: Watch = True,
) -> None:
    """Deploy all members of a bundle, each on an instance of its own."""
    body: dict[str, Any] = {"bundle": name, "inputs": _answers(inputs or [])}
    body["sizes"] = dict(_pair(one, "--size") for one in sizes or [])
    body |= {"name": called} if called else {}
    body |= {"project": project} if project else {}
    api = client()
    begun = api.post("/api/v1/bundles", body)
    _tell(api, begun, "is live", watch=watch)


@bundle.command("remove")
def remove(name: InUse, *, yes: Yes = False, watch: Watch = True) -> None:
    """Remove all members of a bundle with their data, the last one first."""
    sure(f"Delete {name} with all its members and their data?", yes=yes)
    api = client()
    _tell(api, api.delete(_path(api, name)), "is removed", watch=watch)


def _tell(api: Client, begun: dict[str, Any], end: str, *, watch: bool) -> None:
    if not watch:
        say(f"{begun['name']}: operation {begun['operation_id']}")
        return
    follow(api, begun["operation_id"])
    say(f"{begun['name']} {end}")


def _path(api: Client, name: str) -> str:
    return f"/api/v1/bundles/{pick(api.rows('/api/v1/bundles'), name, 'bundle')['id']}"


def _answers(pairs: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in pairs:
        place, value = _pair(one, "--set")
        member, dot, key = place.partition(".")
        if not dot or not key:
            wrong(f"--set takes MEMBER.KEY=VALUE, not {one}")
        found.setdefault(member, {})[key] = value
    return found


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        wrong(f"{option} takes KEY=VALUE, and {key or 'one'} has no value")
    return key, value


def _offered(member: dict[str, Any]) -> dict[str, Any]:
    wired = [f"{name} from {source}" for name, source in member["wiring"].items()]
    asks = list(member["inputs"].get("properties", {}))
    return {"member": member["name"], "app": member["app"], "asks_for": asks, "wired": wired}
