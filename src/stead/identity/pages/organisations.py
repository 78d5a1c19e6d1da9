"""Organisations, which hold projects together, for the platform's admins and auditors."""

from fastapi import Response

from stead.core import answers, authz
from stead.core.authz import Action, action
from stead.core.errors import SteadError
from stead.identity import projects
from stead.identity.pages.desk import Desk, DeskDep, Trouble, go, router, trouble
from stead.identity.pages.stale import ChangedMeanwhileError
from stead.identity.schemas import OrganisationOut


@router.get("/organisations")
@action(Action.ORGANISATION_READ)
async def show_organisations(desk: DeskDep) -> Response:
    return await _page(desk, Trouble())


@router.post("/organisations")
@action(Action.ORGANISATION_MANAGE)
async def create_organisation(desk: DeskDep) -> Response:
    name = (await desk.given()).get("name", "").strip()
    try:
        async with desk.database.write() as uow:
            await projects.create_organisation(uow, desk.actor, name)
    except SteadError as error:
        return await _page(desk, trouble("No organisation was made", error), name)
    return go("/organisations")


@router.post("/organisations/{organisation_id}/rename")
@action(Action.ORGANISATION_MANAGE)
async def rename_organisation(organisation_id: str, desk: DeskDep) -> Response:
    given = await desk.given()
    name = given.get("new_name", "").strip()
    try:
        async with desk.database.whole(steady=True):
            await _require_unchanged(desk, organisation_id, given.get("version", ""), name)
            async with desk.database.write() as uow:
                await projects.rename_organisation(uow, desk.actor, organisation_id, name)
    except SteadError as error:
        return await _page(desk, trouble("The name stayed as it was", error))
    return go("/organisations")


@router.post("/organisations/{organisation_id}/archive")
@action(Action.ORGANISATION_MANAGE)
async def archive_organisation(organisation_id: str, desk: DeskDep) -> Response:
    try:
        async with desk.database.write() as uow:
            await projects.archive_organisation(uow, desk.actor, organisation_id)
    except SteadError as error:
        return await _page(desk, trouble("It was not archived", error))
    return go("/organisations")


@router.post("/organisations/{organisation_id}/restore")
@action(Action.ORGANISATION_MANAGE)
async def restore_organisation(organisation_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await projects.restore_organisation(uow, desk.actor, organisation_id)
    return go("/organisations")


async def _list(desk: Desk) -> list[OrganisationOut]:
    async with desk.database.read() as uow:
        found = await projects.list_organisations(uow, desk.actor)
    return [OrganisationOut.model_validate(one) for one in found]


async def _require_unchanged(desk: Desk, organisation_id: str, seen: str, wanted: str) -> None:
    for one in await _list(desk):
        if one.id == organisation_id and seen and answers.version(one) != seen:
            raise ChangedMeanwhileError(
                f"Somebody changed it meanwhile: it is called {one.name} now, you wrote {wanted}",
                hint="Look at the list as it is now, and decide anew",
            )


async def _page(desk: Desk, found: Trouble, name: str = "") -> Response:
    organisations = await _list(desk)
    return desk.page(
        "organisations.html",
        status=found.status,
        organisations=[(one, answers.version(one)) for one in organisations],
        manages=authz.decide(desk.actor, Action.ORGANISATION_MANAGE).allowed,
        trouble=found,
        name=name,
    )
