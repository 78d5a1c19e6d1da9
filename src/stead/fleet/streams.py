"""A job's output as plain messages: status, progress, message, output, for ``onmessage``.

The same facts as the events of its operation, in the shape of small clients that know jobs.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from pydantic import JsonValue

from stead.agents import public as agents
from stead.core.authz import Action, action
from stead.core.bus import StoppingError
from stead.core.db import Database
from stead.core.http import ActorDep, DatabaseDep
from stead.operations import public as operations
from stead.operations.public import EventOut

LAST: Final = 2**31 - 1
router = APIRouter(prefix="/api/jobs", tags=["fleet"])


@router.get(
    "/{operation_id}/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
@action(Action.OPERATION_READ)
async def stream_job(
    operation_id: str,
    actor: ActorDep,
    database: DatabaseDep,
    after: Annotated[int, Query(ge=0, le=LAST)] = 0,
    last_event_id: Annotated[int, Header(ge=0, le=LAST)] = 0,
) -> StreamingResponse:
    """Server-sent messages of a job, or of an operation, by its id, until it has ended."""
    async with database.read() as uow:
        found = await agents.find_operation_id(uow, operation_id) or operation_id
        await operations.get_(uow, actor, found)
    lines = _lines(database, found, max(after, last_event_id))
    return StreamingResponse(
        lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _lines(database: Database, operation_id: str, after: int) -> AsyncIterator[str]:
    yield "retry: 500\n\n"
    told: Mapping[str, JsonValue] = {"status": "queued", "progress": 0}
    try:
        # From the first one on: who comes back wants to know how far it is, too.
        async for event in operations.follow(database, operation_id, 0):
            if event is None:
                yield ": still here\n\n"
                continue
            told = _with(told, event)
            if event.seq <= after:
                continue
            yield f"id: {event.seq}\ndata: {json.dumps(told, ensure_ascii=False)}\n\n"
    except StoppingError:
        return  # without an end, so the client asks the next process from where it was
    yield "event: end\ndata: {}\n\n"


def _with(told: Mapping[str, JsonValue], event: EventOut) -> dict[str, JsonValue]:
    """Return what is so after an event; message and output are those of this event alone."""
    now = {name: told[name] for name in ("status", "progress")}
    text = event.data.get("text") or event.data.get("message") or event.data.get("title") or ""
    if event.kind == "state":
        now["status"] = event.data.get("state")
        return now | ({"progress": 100} if now["status"] == "succeeded" else {})
    if event.kind == "progress":
        return now | {"progress": event.data.get("percent"), "message": text}
    if event.kind == "log":
        return now | {"output": text}
    return now | {"message": text}
