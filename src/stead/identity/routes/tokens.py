"""API tokens of one's own."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep
from stead.core.paging import Page, paged
from stead.identity import projects, tokens
from stead.identity.schemas import TokenIn, TokenMadeOut, TokenOut

router = APIRouter(prefix="/tokens")
Tokens = Annotated[
    Page,
    Depends(
        paged(
            TokenOut,
            sorts=("created_at", "name", "expires_at", "last_used_at"),
            filters=("name", "project_id"),
        )
    ),
]


@router.get("")
@action(Action.TOKEN_MANAGE)
async def list_tokens(actor: ActorDep, database: DatabaseDep, page: Tokens) -> list[TokenOut]:
    async with database.read() as uow:
        found = await tokens.list_tokens(uow, actor)
    return page.of([TokenOut.model_validate(one) for one in found])


@router.post("", status_code=201)
@action(Action.TOKEN_MANAGE)
async def create_token(
    body: TokenIn, response: Response, actor: ActorDep, database: DatabaseDep
) -> TokenMadeOut:
    """Make a token; its secret is in this answer and never again."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        project_id = await projects.project_id(uow, actor, body.project) if body.project else None
        asked = tokens.TokenRequest(body.name, tuple(body.scopes), project_id, body.days)
        made = await tokens.issue(uow, actor, asked)
    return TokenMadeOut(**TokenOut.model_validate(made.token).model_dump(), token=made.secret)


@router.post("/{token_id}/allow")
@action(Action.TOKEN_MANAGE)
async def allow_token(token_id: str, actor: ActorDep, database: DatabaseDep) -> TokenOut:
    """Let a token in again that has been suspended since a restore; twice is fine."""
    async with database.write() as uow:
        allowed = await tokens.allow_again(uow, actor, token_id)
    return TokenOut.model_validate(allowed)


@router.delete("/{token_id}", status_code=204)
@action(Action.TOKEN_MANAGE)
async def delete_token(token_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    """End a token at once."""
    async with database.write() as uow:
        await tokens.revoke_token(uow, actor, token_id)
