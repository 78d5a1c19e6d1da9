"""``stead project``, ``member`` and ``organisation``: who shares what, and how much of it."""

import json
from typing import Annotated, Any, Final

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Json, Yes, client, pick, say, sure, table, wrong

project = typer.Typer(no_args_is_help=True, help="Projects: what owns apps.")
member = typer.Typer(no_args_is_help=True, help="Members of a project, and invitations.")
organisation = typer.Typer(no_args_is_help=True, help="Organisations: what holds projects.")
InProject = Annotated[str, typer.Option("--project", help="The project, if there are several.")]
NO_LIMIT: Final = "none"


@project.command("list")
@listing("name", "role", "organisation", "archived")
def list_projects(
    *, archived: Annotated[bool, typer.Option(help="Those that are archived too.")] = False
) -> str:
    """List the projects that you may see."""
    return f"/api/v1/projects?archived={str(archived).lower()}"


@project.command("show")
def show_project(name: str, *, as_json: Json = False) -> None:
    """Show a project with its use and limits."""
    api = client()
    found = api.get(project_path(api, name))
    if as_json:
        say(json.dumps(found, indent=2))
        return
    role = f"you are {found['role']}" if found["role"] else "you are no member"
    say(f"{found['name']}  {role}{'  archived' if found['archived'] else ''}\n")
    _print_use(found["use"])


@project.command("create")
def create_project(
    name: str,
    *,
    holder: Annotated[str, typer.Option("--organisation", help="What it belongs to.")] = "default",
) -> None:
    """Make a project of which you are the owner."""
    made = client().post("/api/v1/projects", {"name": name, "organisation": holder})
    say(f"{made['name']} is there")


@project.command("rename")
def rename_project(name: str, new_name: str) -> None:
    """Give a project another name."""
    api = client()
    api.patch(project_path(api, name), {"name": new_name})
    say(f"{name} is now {new_name}")


@project.command("archive")
def archive_project(name: str, *, yes: Yes = False) -> None:
    """Close a project that holds nothing any more."""
    sure(f"Archive {name}?", yes=yes)
    api = client()
    api.post(f"{project_path(api, name)}/archive")
    say(f"{name} is archived")


@project.command("restore")
def restore_project(name: str) -> None:
    """Open an archived project again."""
    api = client()
    api.post(f"{project_path(api, name)}/restore")
    say(f"{name} is open again")


@project.command("limit")
def limit_project(
    name: str,
    limits: Annotated[list[str], typer.Argument(metavar="RESOURCE=AMOUNT…")],
) -> None:
    """Limit what a project may use: cores=8 memory_mb=16384 routes=none."""
    api = client()
    body = dict(_limit(one) for one in limits)
    _print_use(api.patch(f"{project_path(api, name)}/limits", body))


@member.command("list")
@listing("name", "role", "disabled")
def list_members(*, of: InProject = "") -> str:
    """List the members of a project."""
    return f"{project_path(client(), of)}/members"


@member.command("invite")
def invite(
    *,
    of: InProject = "",
    role: Annotated[str, typer.Option(help="viewer, developer, maintainer, owner")] = "developer",
    note: Annotated[str, typer.Option(help="For whom; only you see it.")] = "",
    days: Annotated[int | None, typer.Option(help="How long it works.")] = None,
) -> None:
    """Print a link that makes its holder a member, once."""
    api = client()
    body = {"role": role, "note": note, "days": days}
    say(api.post(f"{project_path(api, of)}/invitations", body)["link"])


@member.command("invitations")
@listing("id", "role", "note", "invited_by", "expires_at")
def list_invitations(*, of: InProject = "") -> str:
    """List the invitations that are still open."""
    return f"{project_path(client(), of)}/invitations"


@member.command("withdraw")
def withdraw(invitation_id: str, *, of: InProject = "") -> None:
    """End an invitation before it is used."""
    api = client()
    api.delete(f"{project_path(api, of)}/invitations/{invitation_id}")
    say("The invitation no longer works")


@member.command("accept")
def accept(link: Annotated[str, typer.Argument(help="The link that you were sent.")]) -> None:
    """Become a member with an invitation."""
    token = link.rstrip("/").rpartition("/")[2]
    joined = client().post("/api/v1/invitations/accept", {"token": token})
    say(f"You are now {joined['role']} of {joined['project']}")


@member.command("role")
def set_role(name: str, role: str, *, of: InProject = "") -> None:
    """Give a member another role; a platform admin may name anybody."""
    api = client()
    path = project_path(api, of)
    user_id = _person(api, path, name)
    api.put(f"{path}/members/{user_id}", {"role": role})
    say(f"{name} is now {role}")


@member.command("remove")
def remove_member(name: str, *, of: InProject = "", yes: Yes = False) -> None:
    """End somebody's membership."""
    sure(f"Remove {name}?", yes=yes)
    api = client()
    path = project_path(api, of)
    found = pick(api.rows(f"{path}/members"), name, "member")
    api.delete(f"{path}/members/{found['user_id']}")
    say(f"{name} is no longer a member")


@member.command("leave")
def leave(*, of: InProject = "", yes: Yes = False) -> None:
    """End your own membership."""
    sure("Leave the project?", yes=yes)
    api = client()
    api.post(f"{project_path(api, of)}/leave")
    say("You are no longer a member")


@organisation.command("list")
@listing("name", "archived", "created_at")
def list_organisations() -> str:
    """List the organisations."""
    return "/api/v1/organisations"


@organisation.command("create")
def create_organisation(name: str) -> None:
    """Make an organisation."""
    client().post("/api/v1/organisations", {"name": name})
    say(f"{name} is there")


@organisation.command("rename")
def rename_organisation(name: str, new_name: str) -> None:
    """Give an organisation another name."""
    api = client()
    api.patch(_organisation(api, name), {"name": new_name})
    say(f"{name} is now {new_name}")


@organisation.command("archive")
def archive_organisation(name: str) -> None:
    """Close an organisation whose projects are all archived."""
    api = client()
    api.post(f"{_organisation(api, name)}/archive")
    say(f"{name} is archived")


@organisation.command("restore")
def restore_organisation(name: str) -> None:
    """Open an archived organisation again."""
    api = client()
    api.post(f"{_organisation(api, name)}/restore")
    say(f"{name} is open again")


def project_path(api: Client, name: str) -> str:
    """Return where the API has a project; without a name, the only one that is mine."""
    rows = api.rows("/api/v1/projects?archived=true")
    if not name:
        mine = [row for row in rows if row["role"] and not row["archived"]]
        if len(mine) != 1:
            wrong("Name a project with --project; you have several or none")
        return f"/api/v1/projects/{mine[0]['id']}"
    return f"/api/v1/projects/{pick(rows, name, 'project')['id']}"


def _organisation(api: Client, name: str) -> str:
    found = pick(api.rows("/api/v1/organisations"), name, "organisation")
    return f"/api/v1/organisations/{found['id']}"


def _person(api: Client, path: str, name: str) -> str:
    """Return the id of a member, or for a platform admin that of anybody."""
    rows: list[dict[str, Any]] = api.rows(f"{path}/members")
    if name not in {row["name"] for row in rows} and api.get("/api/v1/me")["admin"]:
        return str(pick(api.rows("/api/v1/people"), name, "person")["id"])
    return str(pick(rows, name, "member")["user_id"])


def _limit(pair: str) -> tuple[str, int | None]:
    resource, equals, amount = pair.partition("=")
    if equals and amount == NO_LIMIT:
        return resource, None
    if not equals or not amount.isdecimal():
        wrong(f"Limits are RESOURCE=AMOUNT or RESOURCE={NO_LIMIT}, not {pair}")
    return resource, int(amount)


def _print_use(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["limit"] = "no limit" if row["limit"] is None else row["limit"]
        row["used"] = str(row["used"])
    table(rows, ("resource", "used", "limit"), as_json=False)
