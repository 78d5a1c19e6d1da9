"""Identity over HTTP: signing in, oneself, projects and their members, people."""

from fastapi import APIRouter

from stead.identity.routes import me, members, organisations, people, projects, sign_in, tokens

router = APIRouter(prefix="/api/v1", tags=["identity"])
for part in (sign_in, me, tokens, projects, members, organisations, people):
    router.include_router(part.router)

__all__ = ["router"]
