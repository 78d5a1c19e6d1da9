"""``stead webhook``: addresses of a project that are told, signed, what has happened."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.listing import listing
from stead.entrypoints.project_commands import InProject, project_path
from stead.entrypoints.terminal import Json, Yes, client, pick, say, sure, table

webhook = typer.Typer(
    no_args_is_help=True, help="Webhooks: addresses that are told what happens in a project."
)
Hook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its name or id.")]
Delivery = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id; stead webhook log.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--on", metavar="EVENT", help="Such as deployment.live; again for more."),
]


@webhook.command("list")
@listing("id", "name", "url", "events", "paused")
def list_webhooks(*, of: InProject = "") -> str:
    """List the webhooks of a project."""
    return f"{project_path(client(), of)}/webhooks"


@webhook.command("create")
def create(
    name: str,
    url: Annotated[str, typer.Argument(help="Where it is sent, beginning with https://.")],
    *,
    on: Events = None,
    of: InProject = "",
) -> None:
    """Have an address told; prints the secret that signs, once."""
    api = client()
    body = {"name": name, "url": url, "events": on or ["deployment.live", "operation.failed"]}
    made = api.post(f"{project_path(api, of)}/webhooks", body)
    say(f"webhook {made['id']} is told of {', '.join(made['events'])}")
    say(f"secret  {made['secret']}")


@webhook.command("show")
def show(hook: Hook, *, of: InProject = "", as_json: Json = False) -> None:
    """Show one, with what is sent to it and whether it is paused."""
    api = client()
    found = api.get(_path(api, hook, of))
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['name']}  {'paused: ' + found['paused'] if found['paused'] else 'active'}")
    say(f"  to   {found['url']}")
    say(f"  on   {', '.join(found['events'])}")


@webhook.command("change")
def change(
    hook: Hook,
    *,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    url: Annotated[str, typer.Option(help="Another address.")] = "",
    on: Events = None,
    of: InProject = "",
) -> None:
    """Change name, address or events."""
    api = client()
    asked = {"name": name, "url": url, "events": on}
    api.patch(_path(api, hook, of), {key: one for key, one in asked.items() if one})
    say("Changed")


@webhook.command("delete")
def delete(hook: Hook, *, of: InProject = "", yes: Yes = False) -> None:
    """Forget a webhook and all that was told to it."""
    sure(f"Delete {hook}?", yes=yes)
    api = client()
    api.delete(_path(api, hook, of))
    say("Nothing more is sent there")


@webhook.command("pause")
def pause(hook: Hook, *, of: InProject = "") -> None:
    """Send nothing for now; what happens meanwhile is not kept."""
    api = client()
    api.post(f"{_path(api, hook, of)}/pause")
    say("Paused")


@webhook.command("resume")
def resume(hook: Hook, *, of: InProject = "") -> None:
    """Send again, first what waits."""
    api = client()
    api.post(f"{_path(api, hook, of)}/resume")
    say("It goes on")


@webhook.command("rotate")
def rotate(hook: Hook, *, of: InProject = "") -> None:
    """Make another secret and print it; for a day the one before signs too."""
    api = client()
    say(f"secret  {api.post(f'{_path(api, hook, of)}/secret')['secret']}")


@webhook.command("test")
def send_test(hook: Hook, *, of: InProject = "") -> None:
    """Send something harmless, once."""
    api = client()
    path = _path(api, hook, of)
    made = api.post(f"{path}/test")
    say(f"sent; see: stead webhook delivery {made['webhook_id']} {made['id']}")


@webhook.command("log")
def log(
    hook: Hook,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    of: InProject = "",
    as_json: Json = False,
) -> None:
    """List what was told, the newest first."""
    api = client()
    rows = api.get(f"{_path(api, hook, of)}/deliveries?limit={limit}")
    if not as_json:
        rows = [{**row, "answer": _said(row["last"])} for row in rows]
    columns = ("id", "event", "state", "tries", "answer", "created_at")
    table(rows, columns, as_json=as_json)


@webhook.command("delivery")
def delivery(hook: Hook, one: Delivery, *, of: InProject = "", as_json: Json = False) -> None:
    """Show what was sent, and each try."""
    api = client()
    found = api.get(f"{_path(api, hook, of)}/deliveries/{quote(one, safe='')}")
    if as_json:
        say(json.dumps(found, indent=2))
        return
    say(f"{found['event']}  {found['state']}\n{json.dumps(found['body'], indent=2)}\n")
    rows = [{**each, "answer": _said(each)} for each in found["attempts"]]
    table(rows, ("number", "at", "seconds", "answer"), as_json=False)


@webhook.command("redeliver")
def redeliver(hook: Hook, one: Delivery, *, of: InProject = "") -> None:
    """Send it once more, under the same id."""
    api = client()
    api.post(f"{_path(api, hook, of)}/deliveries/{quote(one, safe='')}/redeliver")
    say("It is sent again")


def _path(api: Client, hook: str, project: str) -> str:
    """Return where the API has a webhook; an id needs no project."""
    if len(hook) == len("01234567890123456789012345") and "-" not in hook:
        return f"/api/v1/webhooks/{quote(hook, safe='')}"
    rows = api.rows(f"{project_path(api, project)}/webhooks")
    return f"/api/v1/webhooks/{pick(rows, hook, 'webhook')['id']}"


def _said(attempt: dict[str, Any] | None) -> str:
    if attempt is None:
        return ""
    return str(attempt["status"] or attempt["problem"])
