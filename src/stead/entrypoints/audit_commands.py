"""The client's verbs for the audit trail."""

from typing import Annotated
from urllib.parse import urlencode

import typer

from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import client, say

audit = typer.Typer(no_args_is_help=True, help="Look at what was changed, and by whom.")


@audit.command("list")
@listing("at", "actor", "action", "subject", "outcome", "address", usual_limit=50)
def list_records(
    *,
    actor: Annotated[str, typer.Option(help="Only what this person did.")] = "",
    action: Annotated[str, typer.Option(help="Only this action.")] = "",
    outcome: Annotated[str, typer.Option(help="Only what ended like this.")] = "",
) -> str:
    """List what was changed, newest first; for auditors and admins."""
    asked = {"actor": actor, "action": action, "outcome": outcome}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/api/v1/audit?{query}" if query else "/api/v1/audit"


@audit.command("export")
def export_records() -> None:
    """Print every record as a line of JSON, with the hashes that verify it."""
    for line in client().lines("/api/v1/audit/export"):
        say(line)
