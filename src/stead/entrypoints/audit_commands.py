"""The client's verbs for the audit trail."""

from typing import Annotated
from urllib.parse import urlencode

import typer

from stead.entrypoints.terminal import Json, client, say, table

audit = typer.Typer(no_args_is_help=True, help="Look at what was changed, and by whom.")


@audit.command("list")
def list_records(
    *,
    actor: Annotated[str, typer.Option(help="Only what this person did.")] = "",
    action: Annotated[str, typer.Option(help="Only this action.")] = "",
    outcome: Annotated[str, typer.Option(help="Only what ended like this.")] = "",
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List what was changed, newest first; for auditors and admins."""
    asked = {"actor": actor, "action": action, "outcome": outcome, "limit": str(limit)}
    query = urlencode({name: value for name, value in asked.items() if value})
    rows = client().get(f"/api/v1/audit?{query}")["items"]
    columns = ("at", "actor", "action", "subject", "outcome", "address")
    table(rows, columns, as_json=as_json)


@audit.command("export")
def export_records() -> None:
    """Print every record as a line of JSON, with the hashes that verify it."""
    for line in client().lines("/api/v1/audit/export"):
        say(line)
