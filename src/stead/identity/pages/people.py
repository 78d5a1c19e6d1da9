"""People on the platform, for its admins and auditors."""

from fastapi import Response

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.errors import SteadError
from stead.identity import accounts, rules
from stead.identity.pages.desk import Desk, DeskDep, Trouble, go, router, trouble


@router.get("/people")
@action(Action.PERSON_READ)
async def show_people(desk: DeskDep) -> Response:
    return await _page(desk, Trouble())


@router.post("/people")
@action(Action.PERSON_MANAGE)
async def create_person(desk: DeskDep) -> Response:
    name = (await desk.given()).get("name", "").strip()
    try:
        async with desk.database.write() as uow:
            person, token = await accounts.create_person(uow, desk.actor, name)
    except SteadError as error:
        return await _page(desk, trouble("No account was made", error), name)
    return await _page(desk, Trouble(), "", (person.name, _link(desk, token)))


@router.post("/people/{user_id}/reset-link")
@action(Action.PERSON_MANAGE)
async def create_reset_link(user_id: str, desk: DeskDep) -> Response:
    drop = (await desk.given()).get("drop_second_factor") == "true"
    async with desk.database.write() as uow:
        token = await accounts.issue_reset(uow, desk.actor, user_id, drop_second_factor=drop)
        person = await accounts.find_person(uow, user_id)
    name = person.name if person is not None else ""
    return await _page(desk, Trouble(), "", (name, _link(desk, token)))


@router.post("/people/{user_id}/roles")
@action(Action.PERSON_MANAGE)
async def set_roles(user_id: str, desk: DeskDep) -> Response:
    given = await desk.given()
    roles: dict[str, bool] = {}
    for name in ("admin", "auditor"):
        if name in given:
            roles[name] = given[name] == "true"
    try:
        async with desk.database.write() as uow:
            await accounts.set_platform_roles(uow, desk.actor, user_id, roles)
    except SteadError as error:
        return await _page(desk, trouble("The roles stayed as they were", error))
    return go("/people")


@router.post("/people/{user_id}/disable")
@action(Action.PERSON_MANAGE)
async def disable_person(user_id: str, desk: DeskDep) -> Response:
    try:
        async with desk.database.write() as uow:
            await accounts.disable_person(uow, desk.actor, user_id)
    except SteadError as error:
        return await _page(desk, trouble("The account is still open", error))
    return go("/people")


@router.post("/people/{user_id}/enable")
@action(Action.PERSON_MANAGE)
async def enable_person(user_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await accounts.enable_person(uow, desk.actor, user_id)
    return go("/people")


async def _page(
    desk: Desk, wrong: Trouble, name: str = "", made: tuple[str, str] | None = None
) -> Response:
    async with desk.database.read() as uow:
        found = await accounts.list_people(uow, desk.actor)
    return desk.page(
        "people.html",
        status=wrong.status,
        people=found,
        me=desk.actor.user_id,
        may_manage=authz.decide(desk.actor, Action.PERSON_MANAGE).allowed,
        trouble=wrong,
        name=name,
        made=made,
        login_help=rules.LOGIN_HELP,
    )


def _link(desk: Desk, token: str) -> str:
    return f"{desk.settings.server.console_url}/reset/{token}"
