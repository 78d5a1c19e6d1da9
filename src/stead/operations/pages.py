"""Pages of operations: the list, and one operation as it happens."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from stead.core.authz import Action, Actor, action
from stead.core.db import Database
from stead.core.http import ActorDep, DatabaseDep, Provided, provided
from stead.kit.words import say
from stead.operations import recovery, service, views
from stead.operations.schemas import Wanted
from stead.operations.service import Plans
from stead.operations.views import Subjects
from stead.ui.console import Console, form_texts

TEMPLATES: Final = Path(__file__).parent / "templates"
LIST_LENGTH: Final = 50
CHOICES: Final = (
    ("", say("All"), ()),
    ("open", say("Going on"), ("queued", "running", "undoing")),
    ("attention", say("Needs attention"), ("undo_failed", "kept", "interrupted")),
    ("failed", say("Failed"), ("failed", "cancelled")),
)
LOG_LENGTH: Final = 1000
router = APIRouter(prefix="/operations")
ConsoleDep = Annotated[Console, Depends(provided(Console))]
PlansDep = Annotated[Plans, Depends(provided(Plans))]
SubjectsDep = Annotated[Subjects, Depends(provided(Subjects))]


class Asked(BaseModel):
    """Which operations the list shows: in which states, with which words, before which one."""

    model_config = ConfigDict(str_strip_whitespace=True)

    state: str = Field("", max_length=20)
    q: str = Field("", max_length=120)
    before: str = Field("", max_length=40)


@router.get("")
@action(Action.OPERATION_READ)
async def show_operations(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    asked: Annotated[Asked, Query()],
) -> Response:
    wanted = Wanted(LIST_LENGTH + 1, _states(asked.state), text=asked.q, before=asked.before)
    async with database.read() as uow:
        found = await service.list_(uow, actor, wanted)
    operations = found[:LIST_LENGTH]
    choice = {"state": asked.state, "q": asked.q}
    more = len(found) > LIST_LENGTH
    return console.page(
        request,
        "operations/list.html",
        viewer=actor,
        operations=[(operation, views.badge(operation.state)) for operation in operations],
        busy=not asked.before and any(not operation.ended for operation in operations),
        chosen=asked.state,
        choices=[(name, label, _address(choice | {"state": name})) for name, label, _ in CHOICES],
        searched=asked.q,
        filtered=any(choice.values()),
        older=_address(choice | {"before": operations[-1].id}) if more else "",
        newest=_address(choice) if asked.before else "",
    )


@router.get("/{operation_id}")
@action(Action.OPERATION_READ)
async def show_operation(
    operation_id: str,
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    subjects: SubjectsDep,
) -> Response:
    return await _show(request, actor, database, subjects, operation_id)


@router.post("/{operation_id}/cancel")
@action(Action.OPERATION_CANCEL)
async def cancel_operation(operation_id: str, actor: ActorDep, database: DatabaseDep) -> Response:
    async with database.write() as uow:
        await service.cancel(uow, actor, operation_id)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{operation_id}/retry")
@action(Action.OPERATION_RETRY)
async def retry_operation(
    operation_id: str, request: Request, actor: ActorDep, database: DatabaseDep, plans: PlansDep
) -> Response:
    step = (await form_texts(request)).get("from") or None
    async with database.write() as uow:
        await service.retry(uow, actor, plans, operation_id, step)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{operation_id}/undo")
@action(Action.OPERATION_RETRY)
async def undo_operation(operation_id: str, actor: ActorDep, database: DatabaseDep) -> Response:
    async with database.write() as uow:
        await service.undo(uow, actor, operation_id)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.post("/{operation_id}/keep")
@action(Action.OPERATION_KEEP)
async def keep_operation(operation_id: str, actor: ActorDep, database: DatabaseDep) -> Response:
    async with database.write() as uow:
        await service.keep(uow, actor, operation_id)
    return RedirectResponse(f"/operations/{operation_id}", status_code=303)


@router.get("/{operation_id}/log")
@action(Action.OPERATION_READ)
async def download_log(operation_id: str, actor: ActorDep, database: DatabaseDep) -> Response:
    async with database.read() as uow:
        found = await service.get_(uow, actor, operation_id)
    return StreamingResponse(
        service.log(database, found.id),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="operation-{found.id}.log"'},
    )


@router.post("/{operation_id}/decision")
@action(Action.OPERATION_DECIDE)
async def decide(
    operation_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    chosen = (await form_texts(request)).get("choice", "")
    services: Provided = request.app.state.provided
    async with database.write() as uow:
        acting = await recovery.decide(uow, actor, services, operation_id, chosen)
    return RedirectResponse(f"/operations/{acting}", status_code=303)


def _address(asked: Mapping[str, str]) -> str:
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/operations?{query}" if query else "/operations"


def _states(chosen: str) -> tuple[str, ...]:
    return next((states for name, _, states in CHOICES if name == chosen), ())


async def _show(
    request: Request, actor: Actor, database: Database, subjects: Subjects, operation_id: str
) -> Response:
    services: Provided = request.app.state.provided
    async with database.read() as uow:
        operation = await service.get_(uow, actor, operation_id)
        events = await service.history(uow, actor, operation_id, LOG_LENGTH)
        subject = await subjects.find(services, uow, actor, operation.subject)
        again = await service.again(uow, actor, services.get(Plans), operation)
        decision = await recovery.find_decision(
            uow, actor, services.get(recovery.Recoveries), operation_id
        )
    return services.get(Console).page(
        request,
        "operations/show.html",
        viewer=actor,
        operation=operation,
        badge=views.badge(operation.state),
        steps=views.steps(operation, events),
        lines=views.lines(operation, events),
        cut=len(events) == LOG_LENGTH,
        seq=events[-1].seq if events else 0,
        subject=subject,
        again=again,
        outcome=views.outcome(operation, subject),
        decision=decision if decision.waiting else None,
    )
