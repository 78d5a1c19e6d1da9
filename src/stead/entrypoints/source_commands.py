"""The client's verbs for sources: add, look at, decide, choose."""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.follow import follow
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Json, Yes, client, pick, say, secret, sure, table, wrong

source = typer.Typer(no_args_is_help=True, help="Take packages from Git repositories.")
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Its name or id.")]
Project = Annotated[str, typer.Option(help="The project, if you have several.")]
FileOf = Annotated[Path | None, typer.Option(exists=True, dir_okay=False)]
_SOURCES = "/api/v1/sources"


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    state = "cannot be read" if row["problem"] else "pinned" if row["revision"] else ""
    if row["proposed"] and not row["problem"]:
        state = "proposes an update" if row["revision"] else "waits to be accepted"
    commit = (row["revision"] or "")[:12]
    return {**row, "state": state, "revision": commit, "ref": row["ref"] or row["kind"]}


@source.command("list")
@listing("name", "ref", "revision", "packages", "broken", "state", "checked_at", shown=_shown)
def list_() -> str:
    """List where packages come from, for auditors and platform admins."""
    return _SOURCES


@source.command()
def add(
    name: str,
    url: Annotated[str, typer.Argument(help="https://HOST/PATH or ssh://USER@HOST/PATH")],
    *,
    ref: Annotated[str, typer.Option(help="A branch, tags/NAME or a commit.")] = "main",
    folder: Annotated[str, typer.Option(help="Where in it the packages are.")] = "",
    signers: FileOf = None,
    host_keys: FileOf = None,
    authority: FileOf = None,
    token: Annotated[bool, typer.Option("--token", help="Ask for an access token.")] = False,
    watch: Annotated[bool, typer.Option(help="Show what happens until it has ended.")] = True,
) -> None:
    """Add a repository and look at it; nothing of it is offered before it was accepted.

    --signers names a file of public keys that have to sign commits, --host-keys what
    ssh-keyscan prints, --authority a certificate authority to trust.
    """
    body = {
        "name": name,
        "url": url,
        "ref": ref,
        "folder": folder,
        "signers": _lines(signers),
        "host_keys": _lines(host_keys),
        "authority": authority.read_text() if authority else "",
        "token": secret("Access token") if token else "",
    }
    api = client()
    made = api.post(_SOURCES, body)
    say(f"{name} is added; see what it holds: stead source diff {name}")
    if made["source"]["public_key"]:
        say(f"Allow this key to read it, then: stead source refresh {name}")
        say(f"  {made['source']['public_key']}")
    _tell(api, made["operation_id"], watch=watch)


@source.command()
def show(name: Source, *, as_json: Json = False) -> None:
    """Show a source: its packages, what is wrong with them, and what uses it."""
    found = client().get(_path(name))
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['name']}  {found['url']} {found['ref']}")
    say(f"  accepted  {found['revision'] or 'nothing yet'}")
    say(f"  proposed  {found['proposed'] or 'nothing new'}")
    say(f"  signers   {', '.join(key.split()[0] for key in found['signers']) or 'not demanded'}")
    if found["problem"]:
        say(f"  problem   {found['problem']}")
    if found["public_key"]:
        say(f"  key       {found['public_key']}")
    say("")
    for one in found["offered"]:
        held = f"  hidden: {one['held_by']} has this name" if one["held_by"] else ""
        say(f"  {one['name']} {one['version']}{'  broken' if one['problems'] else held}")
        for problem in one["problems"]:
            say(f"      {problem}")
    for one in found["uses"]:
        say(f"  used by {one['what']}: {one['package']} {one['version']}")


@source.command()
def diff(name: Source, *, as_json: Json = False) -> None:
    """Show how what a source proposes differs from what is accepted."""
    found = client().get(f"{_path(name)}/proposal")
    if as_json:
        say(json.dumps(found, indent=2))
        return
    signed = f"signed by {found['signer']}" if found["signer"] else "not signed"
    say(f"commit {found['revision']}, {signed}")
    for one in found["packages"]:
        say(f"\n{one['change']} {one['name']} {one['before']} -> {one['after']}")
        for problem in one["problems"]:
            say(f"  broken: {problem}")
        for file in one["files"]:
            say(f"--- {one['name']}/{file['name']} ({file['change']})")
            for line in [*file["lines"], *([file["hidden"]] if file["hidden"] else [])]:
                say(line)
    say(f"\nTo offer it: stead source accept {name} {found['revision']}")


@source.command()
def refresh(
    name: Annotated[str, typer.Argument(help="Its name or id; all of them without one.")] = "",
    *,
    watch: Annotated[bool, typer.Option(help="Show what happens until it has ended.")] = True,
) -> None:
    """Look what its branch holds now, or read everything anew."""
    api = client()
    made = api.post(f"{_path(name)}/refresh" if name else f"{_SOURCES}/refresh")
    if made["operation_id"] is None:
        say("The server's folders were read anew; there is no repository to look at")
        return
    _tell(api, made["operation_id"], watch=watch)


Commit = Annotated[str, typer.Argument(help="Of 40 digits, as stead source diff shows it.")]


@source.command()
def accept(name: Source, commit: Commit) -> None:
    """Offer what this commit holds from now on. An earlier one can be gone back to."""
    client().post(f"{_path(name)}/accept", {"revision": commit})
    say(f"{name} is pinned to {commit[:12]}; in a project: stead source use {name}")


@source.command()
def refuse(name: Source, commit: Commit) -> None:
    """Leave things as they are; this commit is not proposed again."""
    client().post(f"{_path(name)}/refuse", {"revision": commit})
    say(f"{commit[:12]} is refused")


@source.command()
def remove(
    name: Source,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Although something that runs came from it.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Offer its packages no more. What runs goes on."""
    sure(f"Remove the source {name}?", yes=yes)
    client().delete(f"{_path(name)}?forget=true" if forget else _path(name))
    say(f"{name} is removed")


@source.command()
def choices(*, project: Project = "", as_json: Json = False) -> None:
    """List the sources that a project can use, and those that it does."""
    api = client()
    rows = api.rows(f"/api/v1/projects/{_project(api, project)}/sources")
    table(rows, ("name", "used", "packages", "url"), as_json=as_json)


@source.command()
def use(name: Source, *, project: Project = "") -> None:
    """Offer a source's packages in a project."""
    api = client()
    api.put(_choice(api, name, project), {})
    say(f"Packages of {name} are offered: stead apps")


@source.command()
def leave(name: Source, *, project: Project = "") -> None:
    """Offer them no more; what was installed stays."""
    api = client()
    api.delete(_choice(api, name, project))
    say(f"Packages of {name} are not offered any more")


def _choice(api: Client, name: str, project: str) -> str:
    return f"/api/v1/projects/{_project(api, project)}/sources/{quote(name, safe='')}"


def _project(api: Client, name: str) -> str:
    rows = api.rows("/api/v1/projects")
    if not name and len(rows) != 1:
        wrong(f"Say which project: --project {'|'.join(row['name'] for row in rows)}")
    return str((pick(rows, name, "project") if name else rows[0])["id"])


def _path(name: str) -> str:
    return f"{_SOURCES}/{quote(name, safe='')}"


def _lines(path: Path | None) -> list[str]:
    return path.read_text().splitlines() if path is not None else []


def _tell(api: Client, operation_id: str, *, watch: bool) -> None:
    if watch:
        follow(api, operation_id)
    else:
        say(f"operation {operation_id}")
