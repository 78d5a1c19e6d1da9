"""Signing in without a browser, and taking up an invitation or a reset link."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from stead.core.authz import Action, action, public
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.identity import cookies, members, signing_in, tokens
from stead.identity.authenticators import Doors
from stead.identity.schemas import In, InvitationOut, SignInIn, TokenMadeOut, TokenOut
from stead.identity.signing_in import Attempt
from stead.kit.secrets import Secret

router = APIRouter()
DoorsDep = Annotated[Doors, Depends(provided(Doors))]


class InvitationTakenIn(In):
    """The secret part of an invitation's link."""

    token: str


@router.post("/sign-in", status_code=201)
@public("name, password and code are the proof")
async def sign_in(
    body: SignInIn, request: Request, response: Response, database: DatabaseDep, doors: DoorsDep
) -> TokenMadeOut:
    """Make a token with name and password, for a program without a browser."""
    password = Secret(body.password.get_secret_value())
    attempt = Attempt(body.name, password, cookies.client_of(request))
    asked = tokens.TokenRequest(body.token_name, tuple(body.scopes), days=body.days)
    made = await signing_in.sign_in_for_token(database, doors, attempt, body.code, asked)
    response.headers["Cache-Control"] = "no-store"
    return TokenMadeOut(**TokenOut.model_validate(made.token).model_dump(), token=made.secret)


@router.post("/invitations/accept")
@action(Action.INVITATION_ACCEPT)
async def accept_invitation(
    body: InvitationTakenIn, actor: ActorDep, database: DatabaseDep
) -> InvitationOut:
    """Become a member with an invitation that somebody sent."""
    async with database.write() as uow:
        invitation = await members.accept_invitation(uow, actor.user_id, body.token)
    return InvitationOut.model_validate(invitation)
