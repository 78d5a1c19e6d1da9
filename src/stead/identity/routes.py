"""Identity over HTTP: who am I, my projects, my tokens."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.identity import service

router = APIRouter(prefix="/api/v1", tags=["identity"])


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


class TokenOut(BaseModel):
    """A token; ``token`` only in the answer that made it."""

    id: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    token: str | None = None


@router.get("/me")
@action(Action.PROJECT_READ)
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
        return [_token(token) for token in await service.list_tokens(uow, actor)]


@router.post("/tokens", status_code=201)
@action(Action.TOKEN_MANAGE)
async def create_token(body: TokenIn, actor: ActorDep, database: DatabaseDep) -> TokenOut:
    async with database.write() as uow:
        secret = await service.issue_token(uow, actor.user_id, body.name)
        await uow.session.flush()
        made = (await service.list_tokens(uow, actor))[-1]
    return _token(made).model_copy(update={"token": secret})


@router.delete("/tokens/{token_id}", status_code=204)
@action(Action.TOKEN_MANAGE)
async def delete_token(token_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    async with database.write() as uow:
        await service.revoke_token(uow, actor, token_id)


def _token(token: service.Token) -> TokenOut:
    return TokenOut(
        id=token.id,
        name=token.name,
        prefix=token.prefix,
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
