"""Links that people are sent: to set a password, and to join a project."""

from fastapi import Response

from stead.core import platform_settings
from stead.core.authz import Action, action, public
from stead.core.errors import SteadError
from stead.identity import accounts, members, rules, sessions, settings
from stead.identity.errors import LinkUsedError
from stead.identity.pages.desk import DeskDep, Hall, HallDep, Trouble, go, router, trouble
from stead.identity.pages.sign_in import signed_in
from stead.kit.secrets import Secret
from stead.kit.words import say

GONE = 410
REPEAT = say("Type the same password twice")


@router.get("/reset/{token}")
@public("shows a form; whoever looks at a link must not use it up")
async def show_reset(token: str, hall: HallDep) -> Response:
    return await _reset_page(hall, token, Trouble())


@router.post("/reset/{token}")
@public("the link itself is the proof")
async def reset(token: str, hall: HallDep) -> Response:
    given = await hall.given()
    if given.get("password") != given.get("repeat"):
        return await _reset_page(hall, token, Trouble(None, {"repeat": REPEAT}))
    password = Secret(given.get("password", ""))
    try:
        await accounts.reset_password(hall.database, hall.doors, token, password)
    except LinkUsedError:
        return await _reset_page(hall, token, Trouble())
    except SteadError as error:
        return await _reset_page(hall, token, trouble("The password was not changed", error))
    return go("/sign-in")


@router.get("/invitation/{token}")
@public("shows what a link invites to; whoever looks at it must not use it up")
async def show_invitation(token: str, hall: HallDep) -> Response:
    return await _invitation_page(hall, token, Trouble())


@router.post("/invitation/{token}/join")
@public("the link itself is the proof; it makes an account")
async def join(token: str, hall: HallDep) -> Response:
    given = await hall.given()
    name, password = given.get("name", "").strip(), Secret(given.get("password", ""))
    if given.get("password") != given.get("repeat"):
        return await _invitation_page(hall, token, Trouble(None, {"repeat": REPEAT}), name)
    try:
        user_id, invitation = await accounts.join(hall.database, hall.doors, token, name, password)
    except LinkUsedError:
        return await _invitation_page(hall, token, Trouble())
    except SteadError as error:
        wrong = trouble("There is no account yet", error)
        return await _invitation_page(hall, token, wrong, name)
    async with hall.database.write() as uow:
        session = await sessions.open_session(uow, user_id, hall.client)
    return await signed_in(hall, session, f"/projects/{invitation.project_id}")


@router.post("/invitations/accept")
@action(Action.INVITATION_ACCEPT)
async def accept(desk: DeskDep) -> Response:
    token = (await desk.given()).get("invitation", "")
    async with desk.database.write() as uow:
        invitation = await members.accept_invitation(uow, desk.actor.user_id, token)
    return go(f"/projects/{invitation.project_id}")


async def _reset_page(hall: Hall, token: str, wrong: Trouble) -> Response:
    async with hall.database.read() as uow:
        person = await accounts.find_reset(uow, token)
        shortest = await platform_settings.get(uow, settings.PASSWORD_SHORTEST)
    status = GONE if person is None else wrong.status
    return hall.page(
        "reset.html",
        status=status,
        token=token,
        person=person,
        trouble=wrong,
        shortest=shortest,
    )


async def _invitation_page(hall: Hall, token: str, wrong: Trouble, name: str = "") -> Response:
    async with hall.database.read() as uow:
        invitation = await members.find_invitation(uow, token)
        shortest = await platform_settings.get(uow, settings.PASSWORD_SHORTEST)
    status = GONE if invitation is None else wrong.status
    return hall.page(
        "invitation.html",
        status=status,
        token=token,
        invitation=invitation,
        trouble=wrong,
        name=name,
        login_help=rules.LOGIN_HELP,
        shortest=shortest,
    )
