"""What edges call: pull the snapshot, report what they serve."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import HTMLResponse

from stead.core.authz import public
from stead.core.http import DatabaseDep, provided
from stead.core.vault import Vault
from stead.edge.snapshot import Report
from stead.exposure import service
from stead.exposure.errors import EdgeRefusedError
from stead.kit import clock

# On the app's own name, where no style or script of ours is allowed.
STOPPED_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>This app is stopped</title>
<h1>This app is stopped</h1>
<p>Somebody who looks after it stopped it. It will be here again once it is started.</p>
</html>
"""
router = APIRouter(prefix="/edge/v1", tags=["edge"])
VaultDep = Annotated[Vault, Depends(provided(Vault))]


async def recognise(
    database: DatabaseDep, authorization: Annotated[str, Header(max_length=200)] = ""
) -> str:
    """Return the calling edge's id. Raises EdgeRefusedError."""
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer":
        raise EdgeRefusedError("This edge is not known here")
    async with database.read() as uow:
        return await service.recognise_edge(uow, token)


EdgeDep = Annotated[str, Depends(recognise)]


@router.get("/snapshot", response_model=None)
@public("the edge's own token is checked")
async def get_snapshot(
    _edge: EdgeDep,
    database: DatabaseDep,
    vault: VaultDep,
    wait: Annotated[float, Query(ge=0, le=60)] = 0,
    if_none_match: Annotated[str, Header(max_length=60)] = "",
) -> Response:
    """Answer at once when there is something newer, else wait for it."""
    deadline = clock.monotonic() + wait
    while True:
        seen = database.bus.version(service.SNAPSHOT_TOPIC)
        async with database.read() as uow:
            if await service.head_etag(uow) != if_none_match:
                snapshot = await service.build_snapshot(uow, vault)
                return Response(
                    # Earlier edges refuse a field that they do not know, also an empty one.
                    snapshot.model_dump_json(exclude_defaults=True),
                    media_type="application/json",
                    headers={"ETag": snapshot.etag, "Cache-Control": "no-store"},
                )
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            return Response(status_code=304)
        await database.bus.changed(service.SNAPSHOT_TOPIC, seen, remaining)


@router.get("/stopped", response_class=HTMLResponse)
@public("visitors of an app that is stopped see it; edges fetch it for them")
async def show_stopped() -> HTMLResponse:
    return HTMLResponse(STOPPED_PAGE, headers={"Cache-Control": "no-store"})


@router.post("/reports", status_code=204)
@public("the edge's own token is checked")
async def put_report(body: Report, edge: EdgeDep, database: DatabaseDep) -> None:
    async with database.write() as uow:
        await service.record_report(uow, edge, body)
