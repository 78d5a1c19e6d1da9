"""Projects: the list, and one with its members, invitations and limits."""

from collections.abc import Mapping, Sequence

from fastapi import Response

from stead.core import authz, platform_settings
from stead.core.authz import Action, Role, action
from stead.core.errors import SteadError
from stead.identity import limits, members, projects, rules, settings
from stead.identity.errors import InvalidRequestError
from stead.identity.limits import Use
from stead.identity.pages import stale
from stead.identity.pages.desk import Desk, DeskDep, Trouble, go, router, trouble
from stead.identity.rules import Resource
from stead.kit.words import say
from stead.ui.models import Choice

ROLES = (
    Choice(Role.VIEWER, say("Viewer"), say("Looks at everything, changes nothing")),
    Choice(Role.DEVELOPER, say("Developer"), say("Deploys and removes apps, sees their secrets")),
    Choice(Role.MAINTAINER, say("Maintainer"), say("Also invites people and renames the project")),
    Choice(Role.OWNER, say("Owner"), say("Also appoints owners and archives the project")),
)
DAYS = (1, 7, 30)
_OFFERED = frozenset(str(one) for one in range(1, 366))


@router.get("/projects")
@action(Action.PROJECT_READ)
async def show_projects(desk: DeskDep) -> Response:
    return await _list_page(desk, Trouble())


@router.post("/projects")
@action(Action.PROJECT_CREATE)
async def create_project(desk: DeskDep) -> Response:
    given = await desk.given()
    name, organisation = given.get("name", "").strip(), given.get("organisation", "")
    organisation = organisation or projects.DEFAULT_ORGANISATION
    try:
        async with desk.database.write() as uow:
            made = await projects.create_project(uow, desk.actor, name, organisation)
    except SteadError as error:
        return await _list_page(desk, trouble("No project was made", error), name)
    return go(f"/projects/{made.id}")


@router.get("/projects/{project_id}")
@action(Action.PROJECT_READ)
async def show_project(project_id: str, desk: DeskDep) -> Response:
    return await _page(desk, project_id, Trouble())


@router.post("/projects/{project_id}/name")
@action(Action.PROJECT_UPDATE)
async def rename_project(project_id: str, desk: DeskDep) -> Response:
    given = await desk.given()
    try:
        async with desk.database.whole(steady=True) as uow:
            project = await projects.get_project(uow, desk.actor, project_id)
            stale.require_unchanged(given, {"name": project.name})
            async with desk.database.write() as part:
                name = given.get("name", "").strip()
                await projects.rename_project(part, desk.actor, project_id, name)
    except SteadError as error:
        wrong = trouble("The name stayed as it was", error)
        return await _page(desk, project_id, wrong, typed=given)
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/archive")
@action(Action.PROJECT_ARCHIVE)
async def archive_project(project_id: str, desk: DeskDep) -> Response:
    try:
        async with desk.database.write() as uow:
            await projects.archive_project(uow, desk.actor, project_id)
    except SteadError as error:
        return await _page(desk, project_id, trouble("The project was not archived", error))
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/restore")
@action(Action.PROJECT_ARCHIVE)
async def restore_project(project_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await projects.restore_project(uow, desk.actor, project_id)
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/limits")
@action(Action.LIMIT_SET)
async def set_limits(project_id: str, desk: DeskDep) -> Response:
    given = await desk.given()
    try:
        wanted = _limits(given)
        async with desk.database.whole(steady=True) as uow:
            use = await limits.list_use(uow, desk.actor, project_id)
            stale.require_unchanged(given, _shown(use))
            async with desk.database.write() as part:
                await limits.set_limits(part, desk.actor, project_id, wanted)
    except SteadError as error:
        wrong = trouble("The limits stayed as they were", error)
        return await _page(desk, project_id, wrong, typed=given)
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/invitations")
@action(Action.MEMBER_MANAGE)
async def invite(project_id: str, desk: DeskDep) -> Response:
    given = await desk.given()
    days = int(given["days"]) if given.get("days") in _OFFERED else 0
    try:
        async with desk.database.write() as uow:
            role, note = _role(given), given.get("note", "").strip()
            made = await members.invite(uow, desk.actor, project_id, role, note, days)
    except SteadError as error:
        return await _page(desk, project_id, trouble("Nobody was invited", error))
    link = f"{desk.settings.server.console_url}/invitation/{made.token}"
    return await _page(desk, project_id, Trouble(), link)


@router.post("/projects/{project_id}/invitations/{invitation_id}/withdraw")
@action(Action.MEMBER_MANAGE)
async def withdraw(project_id: str, invitation_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await members.withdraw_invitation(uow, desk.actor, project_id, invitation_id)
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/members/{user_id}")
@action(Action.MEMBER_MANAGE)
async def set_role(project_id: str, user_id: str, desk: DeskDep) -> Response:
    given = await desk.given()
    try:
        async with desk.database.whole(steady=True) as uow:
            people = await members.list_members(uow, desk.actor, project_id)
            now = next((one.role for one in people if one.user_id == user_id), None)
            if now is None:
                raise authz.NotFoundError("There is no such member")
            stale.require_unchanged(given, {"role": now})
            async with desk.database.write() as part:
                await members.set_role(part, desk.actor, project_id, user_id, _role(given))
    except SteadError as error:
        return await _page(desk, project_id, trouble("The role stayed as it was", error))
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/members/{user_id}/remove")
@action(Action.MEMBER_MANAGE)
async def remove_member(project_id: str, user_id: str, desk: DeskDep) -> Response:
    try:
        async with desk.database.write() as uow:
            await members.remove_member(uow, desk.actor, project_id, user_id)
    except SteadError as error:
        return await _page(desk, project_id, trouble("Nobody was removed", error))
    return go(f"/projects/{project_id}")


@router.post("/projects/{project_id}/leave")
@action(Action.MEMBER_LEAVE)
async def leave(project_id: str, desk: DeskDep) -> Response:
    try:
        async with desk.database.write() as uow:
            await members.leave(uow, desk.actor, project_id)
    except SteadError as error:
        return await _page(desk, project_id, trouble("You are still a member", error))
    return go("/projects")


async def _list_page(desk: Desk, wrong: Trouble, name: str = "") -> Response:
    may_create = authz.decide(desk.actor, Action.PROJECT_CREATE).allowed
    async with desk.database.read() as uow:
        found = await projects.list_projects(uow, desk.actor, archived=True)
        holders = await projects.list_organisations(uow, desk.actor) if may_create else []
    return desk.page(
        "projects.html",
        status=wrong.status,
        projects=[one for one in found if not one.archived],
        archived=[one for one in found if one.archived],
        organisations=[Choice(one.name, one.name) for one in holders if not one.archived],
        may_create=may_create,
        trouble=wrong,
        name=name,
    )


async def _page(
    desk: Desk,
    project_id: str,
    wrong: Trouble,
    link: str = "",
    typed: Mapping[str, str] | None = None,
) -> Response:
    """Show the project; ``typed`` is what a form was refused with."""
    may = {asked.name for asked in Action if authz.allows(desk.actor, asked, project_id)}
    async with desk.database.read() as uow:
        project = await projects.get_project(uow, desk.actor, project_id)
        people = (
            await members.list_members(uow, desk.actor, project_id) if "MEMBER_READ" in may else []
        )
        use = await limits.list_use(uow, desk.actor, project_id)
        invitations = (
            await members.list_invitations(uow, desk.actor, project_id)
            if "MEMBER_MANAGE" in may
            else []
        )
        longest = await platform_settings.get(uow, settings.INVITATION_LONGEST)
        days = min(longest, await platform_settings.get(uow, settings.INVITATION_DAYS))
    highest = Role.OWNER if desk.actor.admin else project.role or Role.VIEWER
    return desk.page(
        "project.html",
        status=wrong.status,
        project=project,
        members=people,
        me=desk.actor.user_id,
        use=use,
        versions={
            "name": stale.version({"name": project.name}),
            "limits": stale.version(_shown(use)),
            "roles": {one.user_id: stale.version({"role": one.role}) for one in people},
        },
        typed=typed or {},
        invitations=invitations,
        may=may,
        roles=[one for one in ROLES if rules.at_least(highest, Role(one.value))],
        role_labels={one.value: one.label for one in ROLES},
        days=[
            Choice(str(one), say("1 day") if one == 1 else say("%(count)s days", count=one))
            for one in sorted({days, *(one for one in DAYS if one <= longest)})
        ],
        usual=str(days),
        link=link,
        trouble=wrong,
    )


def _shown(use: Sequence[Use]) -> dict[str, object]:
    return {one.resource.value: one.limit for one in use}


def _role(given: dict[str, str]) -> Role:
    try:
        return Role(given.get("role", ""))
    except ValueError as error:
        raise InvalidRequestError(
            "There is no such role", fields={"role": "Choose one of those shown"}
        ) from error


def _limits(given: dict[str, str]) -> dict[Resource, int | None]:
    wanted: dict[Resource, int | None] = {}
    wrong = {}
    for one in Resource:
        text = given.get(one.value, "").strip()
        if not text or (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004  (fits every database's integers)
            wanted[one] = int(text) if text else None
        else:
            wrong[one.value] = "A whole number, or nothing for no limit"
    if wrong:
        raise InvalidRequestError("These limits make no sense", fields=wrong)
    return wanted
