"""Whether this process lives and can serve."""

from fastapi import APIRouter

from stead import __version__
from stead.core.authz import public
from stead.core.http import DatabaseDep

router = APIRouter(tags=["health"])


@router.get("/healthz")
@public("says only that the process answers")
async def healthz() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
@public("says only whether the database answers")
async def readyz(database: DatabaseDep) -> dict[str, str]:
    async with database.read() as uow:
        await uow.session.connection()
    return {"status": "ready"}
