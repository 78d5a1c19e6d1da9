"""Oneself: profile, password, second factor, sessions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.identity import accounts, cookies, profile, projects, sessions
from stead.identity.authenticators import Doors
from stead.identity.schemas import (
    CodesOut,
    EnrolmentOut,
    FactorProofIn,
    MeOut,
    PasswordIn,
    ProjectOut,
    ProofIn,
    SessionOut,
)
from stead.kit.secrets import Secret

router = APIRouter()
Sessions = Annotated[
    Page,
    Depends(
        paged(
            SessionOut,
            sorts=("seen_at", "created_at", "expires_at"),
            default="-seen_at",
            filters=("address",),
        )
    ),
]
DoorsDep = Annotated[Doors, Depends(provided(Doors))]


@router.get("/me")
@action(Action.PROFILE_READ)
async def get_me(actor: ActorDep, database: DatabaseDep) -> MeOut:
    async with database.read() as uow:
        mine = await projects.list_projects(uow, actor, mine=True)
        account = await profile.get_profile(uow, actor)
    return MeOut(
        id=actor.user_id,
        name=actor.name,
        admin=actor.admin,
        auditor=actor.auditor,
        scopes=sorted(actor.scopes) if actor.scopes is not None else None,
        has_password=account.has_password,
        second_factor=account.second_factor_since is not None,
        recovery_codes=account.recovery_codes,
        projects=[ProjectOut.model_validate(one) for one in mine],
    )


@router.put("/me/password", status_code=204)
@action(Action.PROFILE_UPDATE)
async def change_password(
    body: PasswordIn, request: Request, actor: ActorDep, database: DatabaseDep, doors: DoorsDep
) -> None:
    """Set a new password; other sessions end."""
    await accounts.change_password(
        database,
        doors,
        actor,
        Secret(body.password.get_secret_value()),
        current=Secret(body.current.get_secret_value()),
        client=cookies.client_of(request),
    )


@router.post("/me/second-factor")
@action(Action.PROFILE_UPDATE)
async def begin_second_factor(
    response: Response, actor: ActorDep, database: DatabaseDep, doors: DoorsDep
) -> EnrolmentOut:
    """Return what an authenticator app needs; it counts once it is confirmed."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        begun = await profile.begin_second_factor(uow, doors, actor)
    return EnrolmentOut.model_validate(begun)


@router.put("/me/second-factor")
@action(Action.PROFILE_UPDATE)
async def confirm_second_factor(
    body: FactorProofIn, request: Request, actor: ActorDep, database: DatabaseDep, doors: DoorsDep
) -> CodesOut:
    """Switch the second factor on; the recovery codes are in this answer and never again."""
    proof = profile.Proof(Secret(body.password.get_secret_value()), body.code)
    client = cookies.client_of(request)
    codes = await profile.confirm_second_factor(database, doors, actor, proof, client)
    return CodesOut(codes=codes)


@router.post("/me/second-factor/codes")
@action(Action.PROFILE_UPDATE)
async def renew_recovery_codes(
    body: ProofIn, request: Request, actor: ActorDep, database: DatabaseDep, doors: DoorsDep
) -> CodesOut:
    """Replace the recovery codes."""
    password = Secret(body.password.get_secret_value())
    client = cookies.client_of(request)
    codes = await profile.new_recovery_codes(database, doors, actor, password, client)
    return CodesOut(codes=codes)


@router.post("/me/second-factor/off", status_code=204)
@action(Action.PROFILE_UPDATE)
async def switch_second_factor_off(
    body: ProofIn, request: Request, actor: ActorDep, database: DatabaseDep, doors: DoorsDep
) -> None:
    """Ask for the password alone from now on."""
    password = Secret(body.password.get_secret_value())
    client = cookies.client_of(request)
    await profile.switch_second_factor_off(database, doors, actor, password, client)


@router.get("/sessions")
@action(Action.SESSION_READ)
async def list_sessions(
    actor: ActorDep, database: DatabaseDep, page: Sessions
) -> list[SessionOut]:
    async with database.read() as uow:
        found = await sessions.list_sessions(uow, actor)
    return page.of([SessionOut.model_validate(one) for one in found])


@router.delete("/sessions", status_code=204)
@action(Action.SESSION_END)
async def end_other_sessions(actor: ActorDep, database: DatabaseDep) -> None:
    """End all sessions but the one that asks."""
    async with database.write() as uow:
        await sessions.revoke_others(uow, actor)


@router.delete("/sessions/{session_id}", status_code=204)
@action(Action.SESSION_END)
async def end_session(session_id: str, actor: ActorDep, database: DatabaseDep) -> None:
    async with database.write() as uow:
        await sessions.revoke_session(uow, actor, session_id)
