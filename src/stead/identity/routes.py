"""Identity over HTTP: who am I, my projects, my tokens."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.core.policy import Scope
from stead.identity import service, tokens

router = APIRouter(prefix="/api/v1", tags=["identity"])


ScopeName = Annotated[str, StringConstraints(max_length=60)]


class ProjectOut(BaseModel):
    """A project of the caller."""

    id: str
    name: str
    role: str


class MeOut(BaseModel):
    """Who the caller is."""

    id: str
    name: str
    admin: bool
    projects: list[ProjectOut]


class TokenIn(BaseModel):
    """A token to make."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=60)] = [Scope.DEPLOY.value]
    project: str | None = None
    days: Annotated[int, Field(ge=1, le=tokens.LONGEST_DAYS)] = tokens.DEFAULT_DAYS


class TokenOut(BaseModel):
    """A token; ``token`` only in the answer that made it."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    project_id: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    token: str | None = None


@router.get("/me")
@action(Action.PROFILE_READ)
async def get_me(actor: ActorDep, database: DatabaseDep) -> MeOut:
    async with database.read() as uow:
        projects = await service.list_projects(uow, actor)
    return MeOut(
        id=actor.user_id,
        name=actor.name,
        admin=actor.admin,
        projects=[ProjectOut(id=p.id, name=p.name, role=p.role) for p in projects],
    )


@router.get("/tokens")
@action(Action.TOKEN_MANAGE)
async def list_tokens(actor: ActorDep, database: DatabaseDep) -> list[TokenOut]:
    async with database.read() as uow:
        return [_token(token) for token in await tokens.list_tokens(uow, actor)]


@router.post("/tokens", status_code=201)
@action(Action.TOKEN_MANAGE)
async def create_token(body: TokenIn, actor: ActorDep, database: DatabaseDep) -> TokenOut:
    """Make a token; its secret is in this answer and never again."""
    async with database.write() as uow:
        project_id = await service.project_id(uow, actor, body.project) if body.project else None
        asked = tokens.TokenRequest(body.name, tuple(body.scopes), project_id, body.days)
        made = await tokens.issue(uow, actor, asked)
    return _token(made.token).model_copy(update={"token": made.secret})


@router.delete("/tokens/{token_id}", status_code=204)
@action(Action.TOKEN_MANAGE)
async def delete_token(token_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    async with database.write() as uow:
        await tokens.revoke_token(uow, actor, token_id)


def _token(token: tokens.Token) -> TokenOut:
    return TokenOut(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        scopes=list(token.scopes),
        project_id=token.project_id,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )
