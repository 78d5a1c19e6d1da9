"""The audit trail over HTTP, for auditors and platform admins."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from stead.audit import service
from stead.audit.queries import Asked, after
from stead.audit.schemas import RecordsOut
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


@router.get("")
@action(Action.AUDIT_READ)
async def list_records(
    _actor: ActorDep,
    database: DatabaseDep,
    asked: Annotated[Asked, Query()],
    request: Request,
    response: Response,
) -> RecordsOut:
    """Newest first; ``next`` is the cursor of the page that follows."""
    async with database.read() as uow:
        items, more = await service.list_(uow, asked.filters, asked.limit)
    following = after(items[-1], asked.sort) if more else None
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return RecordsOut(items=items, next=following)


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
)
@action(Action.AUDIT_READ)
async def export_records(_actor: ActorDep, database: DatabaseDep) -> StreamingResponse:
    """Everything from the beginning as lines of JSON, with the hashes that verify it."""
    name = 'attachment; filename="stead-audit.jsonl"'
    return StreamingResponse(
        service.export(database),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": name, "Cache-Control": "no-store"},
    )
