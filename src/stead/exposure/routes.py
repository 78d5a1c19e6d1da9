"""What edges call: pull the snapshot, report what they serve."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from stead.core.authz import public
from stead.core.http import DatabaseDep, provided
from stead.core.vault import Vault
from stead.edge.snapshot import Report
from stead.exposure import service
from stead.exposure.errors import EdgeRefusedError
from stead.kit import clock

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
                    snapshot.model_dump_json(),
                    media_type="application/json",
                    headers={"ETag": snapshot.etag, "Cache-Control": "no-store"},
                )
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            return Response(status_code=304)
        await database.bus.changed(service.SNAPSHOT_TOPIC, seen, remaining)


@router.post("/reports", status_code=204)
@public("the edge's own token is checked")
async def put_report(body: Report, edge: EdgeDep, database: DatabaseDep) -> None:
    async with database.write() as uow:
        await service.record_report(uow, edge, body)
