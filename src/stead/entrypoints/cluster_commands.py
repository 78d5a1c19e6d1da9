"""The client's verbs for clusters and what is on them."""

import json
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Json, client, say, wrong

cluster = typer.Typer(
    no_args_is_help=True, help="Look at clusters and their guests; for auditors and admins."
)
Cluster = Annotated[str, typer.Argument(metavar="CLUSTER", help="Its name or id.")]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    maintenance = "yes" if row["maintenance"]["on"] else ""
    return {**row, "guests": str(sum(row["guests"].values())), "maintenance": maintenance}


@cluster.command("list")
@listing(
    "name",
    "engine",
    "version",
    "mode",
    "state",
    "guests",
    "maintenance",
    "looked_at",
    shown=_shown,
)
def list_() -> str:
    """List the clusters and how they are."""
    return "/api/v1/clusters"


@cluster.command()
def show(name: Cluster = "local", *, as_json: Json = False) -> None:
    """Show one cluster: how it is, what it carries, what it can do and what happened."""
    found = client().get(path_of(name))
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['name']}  {found['engine']} {found['version']}  {found['state']}")
    if found["last_error"] and found["state"] != "ok":
        say(f"  {found['last_error']}")
    kept = found["maintenance"]
    if kept["on"]:
        say(f"  in maintenance, says {kept['by']}: {kept['reason'] or 'no reason given'}")
    counts = ", ".join(f"{number} {each}" for each, number in found["guests"].items())
    say(f"  guests       {counts}")
    policy = found["capacity"].pop("policy")
    for each, given in found["capacity"].items():
        words = f"{given['cores']} processors, {given['memory_mb']} MB, {given['disk_gb']} GB"
        say(f"  {each:<12} {words}")
    limits = ", ".join(f"{name} {factor:g} times" for name, factor in policy.items() if factor)
    say(f"  may give out {limits or 'without limits'}")
    for one in found["node_facts"]:
        say(f"  node {one['name']:<7} {_node(one)}")
    say("")
    for one in found["findings"]:
        say(f"  {one['severity']:<8} {one['text']}. {one['fix']}")
    say("")
    for one in found["capabilities"]:
        say(f"  {one['ability']:<20} {one['verdict']:<8} {one['reason']}".rstrip())
    say("")
    for one in found["events"]:
        say(f"  {one['at']}  {one['text']}")


def _node(one: dict[str, Any]) -> str:
    apart = one["domain"] not in {"", "default"}
    state = "emptied" if one["evacuated"] else "answers"
    words = [state if one["online"] else "does not answer"]
    if one["memory_mb"]:
        words.append(f"{one['memory_used_mb'] or 0} of {one['memory_mb']} MB in use")
    return ", ".join([*words, *([f"fails with {one['domain']}"] if apart else [])])


@cluster.command()
@listing("name", "class", "state", "node", "addresses", "reason")
def guests(
    name: Cluster = "local",
    *,
    standing: Annotated[
        str, typer.Option("--class", help="known, unknown, lost, changed, moved or unreachable.")
    ] = "",
) -> str:
    """List what is on a cluster, ours and others."""
    return f"{path_of(name)}/guests" + (f"?{urlencode({'class': standing})}" if standing else "")


@cluster.command()
def maintenance(
    name: Cluster,
    turn: Annotated[str, typer.Argument(metavar="on|off")],
    *,
    reason: Annotated[str, typer.Option(help="Why; people who are refused read it.")] = "",
) -> None:
    """Let a cluster take nothing new, or take it again. What runs there goes on."""
    if turn not in {"on", "off"}:
        wrong("Say on or off")
    body = {"on": turn == "on", "reason": reason}
    found = client().post(f"{path_of(name)}/maintenance", body)
    says = "takes nothing new" if found["maintenance"]["on"] else "takes deployments"
    say(f"{found['name']} {says}")


@cluster.command()
def overcommit(
    name: Cluster,
    *,
    cores: Annotated[float, typer.Option(help="Times the processors; 0 is no limit.")] = 0,
    memory: Annotated[float, typer.Option(help="Times the memory; 0 is no limit.")] = 0,
    disk: Annotated[float, typer.Option(help="Times the disk; 0 is no limit.")] = 0,
    as_json: Json = False,
) -> None:
    """Say how many times of what a cluster has may be given out."""
    body = {"cores": cores or None, "memory": memory or None, "disk": disk or None}
    found = client().put(f"{path_of(name)}/overcommit", body)
    if as_json:
        say(json.dumps(found, indent=2))
        return
    limits = found["capacity"]["policy"]
    told = ", ".join(f"{one} {factor:g} times" for one, factor in limits.items() if factor)
    say(f"{found['name']} may give out {told or 'without limits'}")


@cluster.command()
@listing("name", "engine", "shared", "default")
def targets() -> str:
    """List the clusters to which you can deploy; on shared ones projects are on one network."""
    return "/api/v1/deployments/targets"


@cluster.command()
def hosting(
    name: Cluster,
    *,
    image: Annotated[str, typer.Option(help="The template or archive guests begin as.")] = "",
    network: Annotated[str, typer.Option(help="Where they are, such as 192.0.2.0/24.")] = "",
    first: Annotated[str, typer.Option(help="The first address that they may get.")] = "",
    last: Annotated[str, typer.Option(help="The last one.")] = "",
    gateway: Annotated[str, typer.Option(help="Their way out, if there is one.")] = "",
    nameserver: Annotated[str, typer.Option(help="Whom they ask for names.")] = "",
    nesting: Annotated[bool, typer.Option("--nesting", help="Let apps nest containers.")] = False,
    vms: Annotated[bool, typer.Option("--vms", help="Make virtual machines of them.")] = False,
    end: Annotated[bool, typer.Option("--end", help="Let no more be put there.")] = False,
) -> None:
    """Let deployments be put on a connected cluster, on a network that projects share."""
    path = f"{path_of(name)}/hosting"
    if end:
        client().delete(path)
        say(f"{name} takes no more deployments")
        return
    body = {"image": image, "network": network, "first": first, "last": last}
    more = {"gateway": gateway, "nameserver": nameserver, "nesting": nesting}
    more["kind"] = "vm" if vms else "container"
    found = client().put(path, {**body, **more})
    span = found["hosting"]
    say(f"{found['name']} takes deployments, from {span['first']} to {span['last']}")


@cluster.command()
def warm(
    name: Cluster = "local",
    *,
    small: Annotated[int | None, typer.Option(help="Small guests to keep ready.")] = None,
    medium: Annotated[int | None, typer.Option(help="Medium ones.")] = None,
    large: Annotated[int | None, typer.Option(help="Large ones.")] = None,
    as_json: Json = False,
) -> None:
    """Show or set how many guests a cluster keeps ready, that deployments then take."""
    path, api = f"{path_of(name)}/warm", client()
    found = api.get(path)
    given = {"small": small, "medium": medium, "large": large}
    if any(number is not None for number in given.values()):
        kept = {one["size"]: one["wanted"] for one in found}
        new = {size: number for size, number in given.items() if number is not None}
        found = api.put(path, {**kept, **new})
    if as_json:
        say(json.dumps(found, indent=2))
        return
    for one in found:
        told = f"{one['wanted']} wanted, {one['ready']} ready, {one['coming']} being made"
        say(f"{one['size']:<8} {told}")


@cluster.command()
def accept(name: Cluster, guest: str) -> None:
    """Take a guest that was changed or moved outside as it is now."""
    found = client().post(f"{path_of(name)}/guests/{quote(guest, safe='')}/accept")
    say(f"{found['name']} is {found['class']}")


def path_of(name: str) -> str:
    """Return where a cluster is in the API."""
    return f"/api/v1/clusters/{quote(name, safe='')}"
