"""The client's verbs for connecting clusters: look at the certificate, connect, test."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.cluster_commands import Cluster, cluster, path_of
from stead.entrypoints.follow import follow
from stead.entrypoints.terminal import Json, Yes, client, pick, say, secret, sure, table, wrong

Options = Annotated[
    list[str],
    typer.Option(
        "--option", "-o", help="NAME=VALUE; NAME=@FILE reads a file, NAME=- asks or reads a line."
    ),
]
Node = Annotated[str, typer.Argument(metavar="NODE", help="One of its nodes, by name.")]
# Importing this module is what adds its verbs to those of clusters.
__all__ = ["cluster"]
_ENGINES: Final = "/api/v1/clusters/engines"


@cluster.command()
def engines(*, as_json: Json = False) -> None:
    """List the engines whose clusters can be connected, and what each asks for."""
    rows = client().rows(_ENGINES)
    if as_json:
        say(json.dumps(rows, indent=2))
        return
    for one in rows:
        say(f"{one['engine']}  {one['title']}")
        fields = [
            {**field, "needed": "yes" if field["required"] else "", "help": field["help"]}
            for field in one["fields"]
        ]
        table(fields, ("name", "needed", "default", "help"), as_json=False)
        say("")


@cluster.command()
def connect(
    name: Annotated[str, typer.Argument(help="How people call it.")] = "",
    *,
    engine: Annotated[str, typer.Option(help="Which engine; see stead cluster engines.")] = "",
    option: Options = [],  # noqa: B006  (typer copies it)
    fingerprint: Annotated[
        str, typer.Option(help="Of the certificate, as the host itself shows it.")
    ] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Connect a cluster, to be looked at only. Whatever is not given is asked for."""
    api = client()
    chosen = _engine(api.rows(_ENGINES), engine)
    name = name or _ask("Name")
    given = _given(option)
    address = chosen["address"]
    if address and address not in given:
        given[address] = _ask(_label(chosen, address))
    if chosen["pin"] and not fingerprint:
        place = {"engine": chosen["engine"], "options": {address: given[address]}}
        fingerprint = _compare(api.post("/api/v1/clusters/probe", place), yes=yes)
    for field in chosen["fields"]:
        if field["required"] and field["name"] not in given:
            given[field["name"]] = (
                secret(field["label"]) if field["secret"] else _ask(field["label"])
            )
    body = {"name": name, "engine": chosen["engine"], "options": given}
    made = api.post("/api/v1/clusters", {**body, "fingerprint": fingerprint})
    if not as_json:
        say(f"{made['cluster']['name']} is connected, and is looked at only")
    _end(api, made, as_json=as_json)


@cluster.command("test")
def examine(name: Cluster = "local", *, as_json: Json = False) -> None:
    """Test a cluster: certificate, credentials, each privilege, storages, networks, clock."""
    api = client()
    _end(api, api.post(f"{path_of(name)}/check"), as_json=as_json)


@cluster.command()
def certificate(name: Cluster, *, yes: Yes = False) -> None:
    """Look at the certificate that a cluster shows now, and trust it if it is a new one."""
    api = client()
    found = api.post(f"{path_of(name)}/probe")
    if found["fingerprint"] == found["trusted"]:
        say(f"{name} shows the confirmed certificate {found['trusted']}")
        return
    say(f"The certificate changed: expected {found['trusted']}")
    shown = _compare(found, yes=yes)
    api.post(f"{path_of(name)}/certificate", {"fingerprint": shown})
    say(f"{name} is trusted with its new certificate")


@cluster.command()
def rotate(
    name: Cluster,
    *,
    option: Options = [],  # noqa: B006  (typer copies it)
    as_json: Json = False,
) -> None:
    """Replace credentials. The old ones are used until the new ones were found to work."""
    api = client()
    given = _given(option)
    if not given:
        found = api.get(path_of(name))
        fields = _engine(api.get(_ENGINES), found["engine"])["fields"]
        given = {one["name"]: secret(one["label"]) for one in fields if one["secret"]}
    made = api.post(f"{path_of(name)}/credentials", {"options": given})
    _end(api, made, as_json=as_json)


@cluster.command()
def takeover(name: Cluster, *, yes: Yes = False, as_json: Json = False) -> None:
    """Let Stead manage guests of its own there, after a test of everything that takes."""
    sure(f"May Stead make and change guests of its own on {name}?", yes=yes)
    api = client()
    _end(api, api.post(f"{path_of(name)}/takeover"), as_json=as_json)


@cluster.command()
def evacuate(name: Cluster, node: Node, *, yes: Yes = False, as_json: Json = False) -> None:
    """Move everything off a node for work on it. Guests may be stopped on the way."""
    sure(f"Move every guest off {node}, also those of others?", yes=yes)
    api = client()
    _end(api, api.post(f"{path_of(name)}/evacuate", {"node": node}), as_json=as_json)


@cluster.command()
def restore(name: Cluster, node: Node, *, yes: Yes = False, as_json: Json = False) -> None:
    """Let a node take guests again and bring back those that had to leave it."""
    sure(f"Bring back to {node} what had to leave it?", yes=yes)
    api = client()
    _end(api, api.post(f"{path_of(name)}/restore", {"node": node}), as_json=as_json)


@cluster.command()
def disconnect(
    name: Cluster,
    *,
    forget: Annotated[
        bool, typer.Option("--forget-guests", help="Forget managed guests, too; they run on.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Forget a cluster and its credentials. Nothing is changed there."""
    sure(f"Forget the cluster {name} and its credentials?", yes=yes)
    client().delete(f"{path_of(name)}?forget={'true' if forget else 'false'}")
    say(f"{name} is forgotten; its guests run on")


@cluster.command()
def adopt(
    name: Cluster,
    guest: str,
    *,
    project: Annotated[str, typer.Option(help="The project that takes it over.")],
    yes: Yes = False,
) -> None:
    """Let a project take over a guest that somebody else made, as it is."""
    api, path = client(), f"{path_of(name)}/guests/{quote(guest, safe='')}/adoption"
    found = api.get(path)
    where = found["node"] or found["cluster"]
    say(f"{found['guest']}  {found['state']} {found['kind']} on {where}")
    say(f"  addresses  {', '.join(found['addresses']) or 'none known'}")
    size = f"{found['cores']} processors, {found['memory_mb']} MB, {found['disk_gb']} GB"
    say(f"  size       {size}")
    for one in (*found["begins"], found["on_the_cluster"]):
        say(f"  - {one}")
    sure(f"Adopt it into {project}?", yes=yes)
    api.post(path, {"project": project})
    say(f"{guest} belongs to {project} now")


@cluster.command()
def release(name: Cluster, guest: str) -> None:
    """Take an adoption back; the guest stays as it is."""
    client().delete(f"{path_of(name)}/guests/{quote(guest, safe='')}/adoption")
    say(f"{guest} is nobody's here any more, and stays as it is")


def _end(api: Client, made: dict[str, Any], *, as_json: bool) -> None:
    """Follow what was begun, or print it for a program that will look by itself."""
    if as_json:
        say(json.dumps(made, indent=2))
        return
    follow(api, made["operation_id"])


def _compare(found: dict[str, Any], *, yes: bool) -> str:
    say(f"{found['host']}:{found['port']} shows the certificate")
    say(f"  fingerprint  {found['fingerprint']}")
    say(f"  for          {found['subject']}")
    say(f"  issued by    {found['issuer']}")
    say(f"  valid until  {found['expires_at']}")
    sure("Did you compare it on the host, and is it the same?", yes=yes)
    fingerprint: str = found["fingerprint"]
    return fingerprint


def _engine(rows: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    named = [{**row, "name": row["engine"]} for row in rows]
    return pick(named, wanted or _ask(f"Engine ({', '.join(r['name'] for r in named)})"), "engine")


def _given(options: list[str]) -> dict[str, str]:
    found = {}
    for one in options:
        name, is_set, text = one.partition("=")
        if not is_set or not name:
            wrong(f"{one} is no NAME=VALUE")
        found[name] = _value(name, text)
    return found


def _value(name: str, text: str) -> str:
    if text == "-":
        return secret(name)
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        wrong(f"{text[1:]} cannot be read: {error}")


def _label(engine: dict[str, Any], name: str) -> str:
    label: str = next(field["label"] for field in engine["fields"] if field["name"] == name)
    return label


def _ask(what: str) -> str:
    if not sys.stdin.isatty():
        wrong(f"{what} is missing; give it on the command line")
    answer: str = typer.prompt(what)
    return answer
