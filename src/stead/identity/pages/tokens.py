"""API tokens: what there is, and a form for another."""

from dataclasses import dataclass, fields, replace

from fastapi import Response

from stead.core import platform_settings
from stead.core.authz import Action, action
from stead.core.errors import SteadError
from stead.core.policy import Scope
from stead.identity import projects, settings, tokens
from stead.identity.pages.desk import Desk, DeskDep, Trouble, go, router, trouble
from stead.kit.words import say
from stead.ui.models import Choice

SCOPES = (
    Choice(Scope.READ, say("Read"), say("Look at everything, change nothing")),
    Choice(Scope.DEPLOY, say("Deploy"), say("Read, deploy and remove apps, see their secrets")),
    Choice(Scope.ADMIN, say("Everything"), say("All that you may do yourself")),
)
DAYS = (7, 30, 90, 365)


@dataclass(frozen=True, slots=True)
class Form:
    """What was filled in."""

    name: str = ""
    scope: str = Scope.DEPLOY
    project: str = ""
    days: str = str(tokens.DEFAULT_DAYS)


_OFFERED = frozenset(str(one) for one in range(1, 3651))
FIELDS = tuple(one.name for one in fields(Form))


@router.get("/tokens")
@action(Action.TOKEN_MANAGE)
async def show_tokens(desk: DeskDep) -> Response:
    return await _page(desk, Form(), Trouble())


@router.post("/tokens")
@action(Action.TOKEN_MANAGE)
async def create_token(desk: DeskDep) -> Response:
    given = await desk.given()
    form = replace(Form(), **{one: given[one].strip() for one in FIELDS if one in given})
    days = int(form.days) if form.days in _OFFERED else 0
    try:
        async with desk.database.write() as uow:
            project_id = (
                await projects.project_id(uow, desk.actor, form.project) if form.project else None
            )
            asked = tokens.TokenRequest(form.name, (form.scope,), project_id, days)
            made = await tokens.issue(uow, desk.actor, asked)
    except SteadError as error:
        return await _page(desk, form, trouble("No token was made", error))
    return await _page(desk, Form(), Trouble(), made.secret)


@router.post("/tokens/{token_id}/revoke")
@action(Action.TOKEN_MANAGE)
async def revoke_token(token_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await tokens.revoke_token(uow, desk.actor, token_id)
    return go("/tokens")


@router.post("/tokens/{token_id}/allow")
@action(Action.TOKEN_MANAGE)
async def allow_token(token_id: str, desk: DeskDep) -> Response:
    async with desk.database.write() as uow:
        await tokens.allow_again(uow, desk.actor, token_id)
    return go("/tokens")


async def _page(desk: Desk, form: Form, wrong: Trouble, made: str | None = None) -> Response:
    async with desk.database.read() as uow:
        known = await tokens.list_tokens(uow, desk.actor)
        mine = await projects.list_projects(uow, desk.actor, archived=True)
        longest = await platform_settings.get(uow, settings.TOKEN_LONGEST)
    return desk.page(
        "tokens.html",
        status=wrong.status,
        tokens=known,
        suspended=any(one.suspended_at for one in known),
        made=made,
        form=form,
        trouble=wrong,
        scopes=SCOPES,
        days=[Choice(str(one), _days(one)) for one in _choices(longest)],
        projects=[Choice(one.name, one.name) for one in mine if not one.archived],
        names={one.id: one.name for one in mine},
        name_limit=tokens.NAME_LIMIT,
    )


def _choices(longest: int) -> list[int]:
    """Return the usual lives within the longest, and that one if it is shorter than all."""
    return [one for one in DAYS if one <= longest] or [longest]


def _days(number: int) -> str:
    return say("A year") if number == DAYS[-1] else say("%(count)s days", count=number)
