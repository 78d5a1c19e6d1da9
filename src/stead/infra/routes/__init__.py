"""Clusters over HTTP: connecting them, what they are, what is on them, maintenance."""

from fastapi import APIRouter

from stead.infra.routes import adopting, connecting, looking

router = APIRouter(prefix="/api/v1", tags=["clusters"])
# The words of connecting come before the names of clusters.
for part in (connecting, looking, adopting):
    router.include_router(part.router)

__all__ = ["router"]
