"""The page of jobs on all machines."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from stead.agents.public import JobsWanted
from stead.core.authz import Action, action
from stead.fleet import service, views
from stead.fleet.desk import DeskDep
from stead.kit.words import say

LIST_LENGTH: Final = 50
REFRESH_SECONDS: Final = 5
CHOICES: Final = (
    ("", say("All"), (), ()),
    ("open", say("Going on"), ("queued", "claimed"), ()),
    ("done", say("Done"), ("ended",), ("done",)),
    ("failed", say("Failed"), ("ended",), ("failed", "timeout", "refused")),
)
Words = Annotated[str, Query(max_length=80)]
router = APIRouter()


@router.get("/jobs")
@action(Action.AGENT_READ)
async def show_jobs(
    desk: DeskDep,
    state: Words = "",
    machine: Words = "",
    app: Words = "",
    user: Words = "",
    before: Annotated[str, Query(max_length=26)] = "",
) -> Response:
    """Show a part of the jobs, by what somebody wants to know of them."""
    chosen = next((one for one in CHOICES if one[0] == state), CHOICES[0])
    wanted = JobsWanted(
        LIST_LENGTH + 1,
        user=user.strip() or None,
        app=app.strip() or None,
        states=chosen[2],
        outcomes=chosen[3],
        place=before,
    )
    async with desk.database.read() as uow:
        found = await service.list_jobs(uow, desk.actor, machine.strip() or None, wanted)
    shown = found[:LIST_LENGTH]
    given = {"machine": machine, "app": app, "user": user}
    asked = {name: text for name, text in given.items() if text}
    older = {**asked, "before": shown[-1].id} if len(found) > LIST_LENGTH else None
    return desk.page(
        "fleet/history.html",
        rows=[(one, views.job(one)) for one in shown],
        choices=[(name, label, _address(asked, name)) for name, label, *_ in CHOICES],
        chosen=chosen[0],
        given=given,
        narrowed=bool(asked or chosen[0] or before),
        older=_address(older, chosen[0]) if older is not None else None,
        refresh=0 if before else REFRESH_SECONDS,
    )


def _address(asked: dict[str, str], state: str) -> str:
    query = urlencode(asked | ({"state": state} if state else {}))
    return f"/jobs?{query}" if query else "/jobs"
