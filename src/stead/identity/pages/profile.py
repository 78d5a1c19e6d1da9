"""Oneself: password, second factor and recovery codes, sessions."""

from fastapi import Response

from stead.core import platform_settings
from stead.core.authz import Action, NotFoundError, action
from stead.core.errors import SteadError
from stead.identity import accounts, profile, second_factor, sessions, settings
from stead.identity.pages.desk import Desk, DeskDep, Trouble, go, router, trouble
from stead.identity.pages.links import REPEAT
from stead.kit.secrets import Secret
from stead.kit.words import say
from stead.ui.headers import PICTURE_CSP


@router.get("/profile")
@action(Action.PROFILE_READ)
async def show_profile(desk: DeskDep) -> Response:
    return await _page(desk, Trouble())


@router.post("/profile/password")
@action(Action.PROFILE_UPDATE)
async def change_password(desk: DeskDep) -> Response:
    given = await desk.given()
    if given.get("password") != given.get("repeat"):
        return await _page(desk, Trouble(None, {"repeat": REPEAT}))
    try:
        await accounts.change_password(
            desk.database,
            desk.doors,
            desk.actor,
            Secret(given.get("password", "")),
            current=Secret(given.get("current", "")),
            client=desk.client,
        )
    except SteadError as error:
        return await _page(desk, trouble("The password was not changed", error))
    return await _page(desk, Trouble(), done=say("Your password is changed; other sessions ended"))


@router.get("/profile/second-factor")
@action(Action.PROFILE_UPDATE)
async def show_second_factor(desk: DeskDep) -> Response:
    return await _second_factor_page(desk, Trouble())


@router.post("/profile/second-factor/begin")
@action(Action.PROFILE_UPDATE)
async def begin_second_factor(desk: DeskDep) -> Response:
    try:
        async with desk.database.write() as uow:
            await profile.begin_second_factor(uow, desk.doors, desk.actor)
    except SteadError as error:
        return await _page(desk, trouble("It cannot be set up now", error))
    return go("/profile/second-factor")


@router.get("/profile/second-factor/code.svg")
@action(Action.PROFILE_UPDATE)
async def show_picture(desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        begun = await profile.find_enrolment(uow, desk.doors, desk.actor)
    if begun is None:
        raise NotFoundError("No second factor is being set up")
    return Response(
        second_factor.picture(begun),
        media_type="image/svg+xml",
        headers={"Content-Security-Policy": PICTURE_CSP, "Cache-Control": "no-store"},
    )


@router.post("/profile/second-factor")
@action(Action.PROFILE_UPDATE)
async def confirm_second_factor(desk: DeskDep) -> Response:
    given = await desk.given()
    proof = profile.Proof(Secret(given.get("current", "")), given.get("code", ""))
    try:
        codes = await profile.confirm_second_factor(
            desk.database, desk.doors, desk.actor, proof, desk.client
        )
    except SteadError as error:
        return await _second_factor_page(desk, trouble("It is not switched on yet", error))
    return desk.page("recovery_codes.html", codes=codes, fresh=True)


@router.post("/profile/second-factor/codes")
@action(Action.PROFILE_UPDATE)
async def renew_codes(desk: DeskDep) -> Response:
    password = Secret((await desk.given()).get("current", ""))
    try:
        codes = await profile.new_recovery_codes(
            desk.database, desk.doors, desk.actor, password, desk.client
        )
    except SteadError as error:
        return await _page(desk, trouble("The recovery codes stayed as they were", error))
    return desk.page("recovery_codes.html", codes=codes, fresh=False)


@router.post("/profile/second-factor/off")
@action(Action.PROFILE_UPDATE)
async def switch_off(desk: DeskDep) -> Response:
    password = Secret((await desk.given()).get("current", ""))
    try:
        await profile.switch_second_factor_off(
            desk.database, desk.doors, desk.actor, password, desk.client
        )
    except SteadError as error:
        return await _page(desk, trouble("The second factor is still on", error))
    return go("/profile")


@router.get("/sessions")
@action(Action.SESSION_READ)
async def show_sessions(desk: DeskDep) -> Response:
    async with desk.database.read() as uow:
        found = await sessions.list_sessions(uow, desk.actor)
    return desk.page("sessions.html", sessions=found)


@router.post("/sessions/others/end")
@action(Action.SESSION_END)
async def end_others(desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await sessions.revoke_others(uow, desk.actor)
    return go("/sessions")


@router.post("/sessions/{session_id}/end")
@action(Action.SESSION_END)
async def end_session(session_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await sessions.revoke_session(uow, desk.actor, session_id)
    return go("/sessions")


async def _page(desk: Desk, wrong: Trouble, done: str = "") -> Response:
    async with desk.database.read() as uow:
        me = await profile.get_profile(uow, desk.actor)
        shortest = await platform_settings.get(uow, settings.PASSWORD_SHORTEST)
    return desk.page(
        "profile.html",
        status=wrong.status,
        me=me,
        trouble=wrong,
        done=done,
        shortest=shortest,
    )


async def _second_factor_page(desk: Desk, wrong: Trouble) -> Response:
    async with desk.database.read() as uow:
        me = await profile.get_profile(uow, desk.actor)
        begun = await profile.find_enrolment(uow, desk.doors, desk.actor)
    return desk.page("second_factor.html", status=wrong.status, me=me, begun=begun, trouble=wrong)
