"""Pages of settings: all of them, and one with its form and its history."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from stead.core import authz
from stead.core.authz import Action, Actor, action
from stead.core.db import Database
from stead.core.errors import HTTP_STATUS, SteadError
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.platform_settings import Json
from stead.core.platform_settings.store import SettingChangedError
from stead.core.settings import Settings
from stead.kit.words import Said, say
from stead.platform import settings, shown
from stead.platform.errors import SettingInvalidError
from stead.platform.schemas import SettingOut
from stead.ui.console import Console, form_texts

TEMPLATES: Final = Path(__file__).parent / "templates" / "settings"
router = APIRouter(prefix="/settings")
ConsoleDep = Annotated[Console, Depends(provided(Console))]
ProcessDep = Annotated[Settings, Depends(provided(Settings))]
# What groups are called that are not called by their own name.
_GROUPS: Final = {
    "address": say("Addresses"),
    "deploy": say("Deployments"),
    "new_project": say("New projects"),
    "outbound": say("Calls to other servers"),
    "lockout": say("Lockout"),
    "operations": say("Operations"),
    "session": say("Sessions"),
    "tls": say("Certificates"),
    "sign_in": say("Links to sign in"),
    "token": say("API tokens"),
    "invitation": say("Invitations"),
    "password": say("Passwords"),
}
_NO_VERSION: Final = -1


@dataclass(frozen=True, slots=True)
class Row:
    """A setting in the list; ``words`` are what a search looks through."""

    setting: SettingOut
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that stand together."""

    title: str
    rows: list[Row]

    @property
    def words(self) -> str:
        """Return what a search looks through to show the heading."""
        return " ".join(row.words for row in self.rows)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What was typed last and why it was not taken."""

    status: int = 200
    typed: str | None = None
    field: str | None = None
    title: str = ""
    hint: str = ""


@router.get("")
@action(Action.PLATFORM_READ)
async def show_settings(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    database: DatabaseDep,
    process: ProcessDep,
) -> Response:
    async with database.read() as uow:
        found = [shown.platform_setting(one) for one in await settings.list_states(uow, actor)]
    return console.page(
        request,
        "settings/list.html",
        viewer=actor,
        groups=_groups(found),
        told=_groups(shown.process_settings(process)),
    )


@router.get("/{setting_id}")
@action(Action.PLATFORM_READ)
async def show_setting(
    setting_id: str, request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    return await _page(request, actor, console, database, setting_id)


@router.post("/{setting_id}")
@action(Action.PLATFORM_MANAGE)
async def set_setting(
    setting_id: str, request: Request, actor: ActorDep, console: ConsoleDep, database: DatabaseDep
) -> Response:
    given = await form_texts(request)
    value = given.get("value", "")
    try:
        async with database.write() as uow:
            await settings.set_(uow, actor, setting_id, value, _number(given, "version"))
    except (SettingInvalidError, SettingChangedError) as error:
        wrong = _wrong(error, value)
        return await _page(request, actor, console, database, setting_id, wrong=wrong)
    return _back(setting_id)


@router.post("/{setting_id}/reset")
@action(Action.PLATFORM_MANAGE)
async def reset_setting(
    setting_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    given = await form_texts(request)
    async with database.write() as uow:
        await settings.reset(uow, actor, setting_id, _number(given, "version"))
    return _back(setting_id)


@router.post("/{setting_id}/undo")
@action(Action.PLATFORM_MANAGE)
async def undo_setting(
    setting_id: str, request: Request, actor: ActorDep, database: DatabaseDep
) -> Response:
    given = await form_texts(request)
    to, version = _number(given, "to"), _number(given, "version")
    async with database.write() as uow:
        await settings.go_back(uow, actor, setting_id, to, version)
    return _back(setting_id)


async def _page(
    request: Request,
    actor: Actor,
    console: Console,
    database: Database,
    name: str,
    *,
    wrong: Wrong | None = None,
) -> Response:
    async with database.read() as uow:
        found = shown.platform_setting(await settings.get_state(uow, actor, name))
        changes = [shown.change(one) for one in await settings.history(uow, actor, name)]
    wrong = wrong or Wrong()
    value = shown.words(found.value)
    return console.page(
        request,
        "settings/show.html",
        viewer=actor,
        status=wrong.status,
        setting=found,
        group=_title(found.group),
        typed=value if wrong.typed is None else wrong.typed,
        now=_plain(found.value, found.unit),
        default=_plain(found.default, found.unit),
        wrong=wrong,
        changes=[(one, _plain(one.old), _plain(one.new)) for one in changes],
        manages=authz.decide(actor, Action.PLATFORM_MANAGE).allowed,
    )


def _groups(found: list[SettingOut]) -> list[Group]:
    rows = [Row(one, _plain(one.value, one.unit), _search(one)) for one in found]
    parts = groupby(rows, key=lambda row: row.setting.group)
    return [Group(_title(name), list(part)) for name, part in parts]


def _title(group: str) -> str:
    return _GROUPS.get(group, group.capitalize())


def _search(one: SettingOut) -> str:
    return f"{one.name} {one.title} {one.help} {_title(one.group)}".lower()


def _plain(value: Json, unit: str = "") -> str:
    said = shown.words(value) or say("nothing")
    return say("%(value)s %(unit)s", value=said, unit=Said(unit)) if unit else said


def _wrong(error: SteadError, typed: str) -> Wrong:
    field = error.fields.get("value")
    title = "" if field else error.message
    return Wrong(HTTP_STATUS[error.kind], typed, field, title, error.hint)


def _number(given: Mapping[str, str], name: str) -> int:
    text = given.get(name, "")
    fits = text.isascii() and text.isdigit() and len(text) < len(str(2**31))
    return int(text) if fits else _NO_VERSION


def _back(name: str) -> Response:
    return RedirectResponse(f"/settings/{name}", status_code=303)
