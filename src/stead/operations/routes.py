"""Operations over HTTP: list, one, its events as they happen, its log, and what to do with it."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from stead.core.authz import Action, action
from stead.core.bus import StoppingError
from stead.core.db import Database
from stead.core.durable import State
from stead.core.http import ActorDep, DatabaseDep, Provided, provided
from stead.core.paging import Page, paged
from stead.operations import recovery, service
from stead.operations.recovery import DecisionIn, DecisionOut, Recoveries
from stead.operations.schemas import AgainIn, OperationOut, Wanted
from stead.operations.service import Plans

router = APIRouter(prefix="/api/v1/operations", tags=["operations"])
LAST: Final = 2**63 - 1
PlansDep = Annotated[Plans, Depends(provided(Plans))]
RecoveriesDep = Annotated[Recoveries, Depends(provided(Recoveries))]


Operations = Annotated[
    Page, Depends(paged(OperationOut, sorts=("created_at",), default="-created_at"))
]


async def _wanted(
    page: Operations,
    state: Annotated[list[State] | None, Query()] = None,
    kind: Annotated[str | None, Query(max_length=80)] = None,
    subject: Annotated[str | None, Query(max_length=120)] = None,
    project_id: Annotated[str | None, Query(max_length=26)] = None,
    before: Annotated[str, Query(max_length=26)] = "",
) -> Wanted:
    place = page.key_after() or ""
    return Wanted(
        # One more tells whether there is another page.
        page.limit + 1,
        tuple(state or ()),
        kind,
        subject,
        project_id,
        min(filter(None, (before, place)), default="") if page.descending else before,
        "" if page.descending else place,
        page.descending,
    )


@router.get("")
@action(Action.OPERATION_READ)
async def list_operations(
    actor: ActorDep,
    database: DatabaseDep,
    wanted: Annotated[Wanted, Depends(_wanted)],
    page: Operations,
) -> list[OperationOut]:
    """Newest first; when there may be more, ``Link: rel="next"`` is the address of those."""
    async with database.read() as uow:
        return page.cut(await service.list_(uow, actor, wanted))


@router.get("/{operation_id}")
@action(Action.OPERATION_READ)
async def get_operation(operation_id: str, actor: ActorDep, database: DatabaseDep) -> OperationOut:
    async with database.read() as uow:
        return await service.get_(uow, actor, operation_id)


@router.get(
    "/{operation_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
@action(Action.OPERATION_READ)
async def stream_events(
    operation_id: str,
    actor: ActorDep,
    database: DatabaseDep,
    after: Annotated[int, Query(ge=0, le=LAST)] = 0,
    last_event_id: Annotated[int, Header(ge=0, le=LAST)] = 0,
) -> StreamingResponse:
    """Server-sent events; a reconnecting client continues after its Last-Event-ID."""
    async with database.read() as uow:
        await service.get_(uow, actor, operation_id)
    lines = _lines(database, operation_id, max(after, last_event_id))
    return StreamingResponse(
        lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


@router.post("/{operation_id}/cancel", status_code=202)
@action(Action.OPERATION_CANCEL)
async def cancel_operation(
    operation_id: str, actor: ActorDep, database: DatabaseDep
) -> OperationOut:
    async with database.write() as uow:
        await service.cancel(uow, actor, operation_id)
        return await service.get_(uow, actor, operation_id)


@router.post("/{operation_id}/retry", status_code=202)
@action(Action.OPERATION_RETRY)
async def retry_operation(
    operation_id: str,
    actor: ActorDep,
    database: DatabaseDep,
    plans: PlansDep,
    body: AgainIn | None = None,
) -> OperationOut:
    """Take a stopped operation up again where it stopped, or from a step.

    One whose undo failed goes on being undone, unless a step to go forward from is named.
    """
    async with database.write() as uow:
        await service.retry(uow, actor, plans, operation_id, body.step if body else None)
        return await service.get_(uow, actor, operation_id)


@router.post("/{operation_id}/undo", status_code=202)
@action(Action.OPERATION_RETRY)
async def undo_operation(
    operation_id: str, actor: ActorDep, database: DatabaseDep
) -> OperationOut:
    """Take back what a failed operation left: its undo failed, or it was kept."""
    async with database.write() as uow:
        await service.undo(uow, actor, operation_id)
        return await service.get_(uow, actor, operation_id)


@router.post("/{operation_id}/keep", status_code=202)
@action(Action.OPERATION_KEEP)
async def keep_operation(
    operation_id: str, actor: ActorDep, database: DatabaseDep
) -> OperationOut:
    """Leave everything as it is if this one fails, to be looked at."""
    async with database.write() as uow:
        await service.keep(uow, actor, operation_id)
        return await service.get_(uow, actor, operation_id)


@router.get(
    "/{operation_id}/log",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/plain": {}}}},
)
@action(Action.OPERATION_READ)
async def download_log(
    operation_id: str, actor: ActorDep, database: DatabaseDep
) -> StreamingResponse:
    """Everything that was recorded so far, as text."""
    async with database.read() as uow:
        found = await service.get_(uow, actor, operation_id)
    return StreamingResponse(
        service.log(database, found.id),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="operation-{found.id}.log"'},
    )


@router.get("/{operation_id}/decision")
@action(Action.OPERATION_READ)
async def get_decision(
    operation_id: str, actor: ActorDep, database: DatabaseDep, recoveries: RecoveriesDep
) -> DecisionOut:
    """Say what the inventory knows about an operation that a restore interrupted."""
    async with database.read() as uow:
        return await recovery.find_decision(uow, actor, recoveries, operation_id)


@router.post("/{operation_id}/decision", status_code=202)
@action(Action.OPERATION_DECIDE)
async def decide(
    operation_id: str, body: DecisionIn, request: Request, actor: ActorDep, database: DatabaseDep
) -> OperationOut:
    """Adopt, undo or forget what was interrupted; answers with the operation that does."""
    services: Provided = request.app.state.provided
    async with database.write() as uow:
        acting = await recovery.decide(uow, actor, services, operation_id, body.choice)
        return await service.get_(uow, actor, acting)


async def _lines(database: Database, operation_id: str, after: int) -> AsyncIterator[str]:
    yield "retry: 500\n\n"
    try:
        async for event in service.follow(database, operation_id, after):
            if event is None:
                yield ": still here\n\n"
            else:
                yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
    except StoppingError:
        return  # without an end, so the client asks the next process from where it was
    yield "event: end\ndata: {}\n\n"
