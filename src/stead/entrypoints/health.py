"""Whether this process lives and can serve."""

from typing import Annotated

from fastapi import APIRouter, Depends

from stead import __version__
from stead.core.authz import public
from stead.core.http import DatabaseDep, provided
from stead.core.settings import Settings

router = APIRouter(tags=["health"])


@router.get("/healthz")
@router.get("/api/health")
@public("says only that the process answers, and when nothing that it shows is real")
async def healthz(settings: Annotated[Settings, Depends(provided(Settings))]) -> dict[str, str]:
    answer = {"status": "ok", "version": __version__}
    return answer | ({"engine": "simulator"} if settings.engine.simulated else {})


@router.get("/readyz")
@public("says only whether the database answers")
async def readyz(database: DatabaseDep) -> dict[str, str]:
    async with database.read() as uow:
        await uow.session.connection()
    return {"status": "ready"}
