"""The page of the audit trail."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from stead.audit import service
from stead.audit.queries import PAGE, Asked, after
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.ui.console import Console
from stead.ui.models import Badge, Tone

TEMPLATES: Final = Path(__file__).parent / "templates"
OUTCOMES: Final = {
    "done": Badge("Done", Tone.GOOD, "check"),
    "succeeded": Badge("Succeeded", Tone.GOOD, "check"),
    "refused": Badge("Refused", Tone.BAD, "cross"),
    "rejected": Badge("Rejected", Tone.QUIET, "cross"),
    "failed": Badge("Failed", Tone.BAD, "cross"),
    "cancelled": Badge("Cancelled", Tone.QUIET, "undo"),
    "undo_failed": Badge("Needs attention", Tone.BAD, "warn"),
}
router = APIRouter(prefix="/audit")
ConsoleDep = Annotated[Console, Depends(provided(Console))]


@router.get("")
@action(Action.AUDIT_READ)
async def show_audit(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    wanted: Annotated[Asked, Query()],
) -> Response:
    async with database.read() as uow:
        records, more = await service.list_(uow, wanted.filters, PAGE)
    following = after(records[-1], wanted.sort) if more else ""
    asked = {name: value for name, value in request.query_params.items() if value}
    return console.page(
        request,
        "audit/list.html",
        viewer=actor,
        records=[
            (one, OUTCOMES.get(one.outcome, Badge(one.outcome, Tone.QUIET, "ring")))
            for one in records
        ],
        wanted=wanted,
        outcomes=sorted(OUTCOMES),
        filtered=bool(asked.keys() - {"cursor"}),
        older=f"/audit?{urlencode(asked | {'cursor': following})}" if following else "",
        paged=bool(wanted.cursor),
    )
