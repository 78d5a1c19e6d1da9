"""Settings over HTTP: all of them to look at, those of the platform to change."""

from typing import Annotated

from fastapi import APIRouter, Depends

from stead.core import authz
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.core.settings import Settings
from stead.platform import settings, shown
from stead.platform.schemas import (
    SettingChangeOut,
    SettingIn,
    SettingNowOut,
    SettingOut,
    SettingResetIn,
    SettingUndoIn,
)

router = APIRouter(prefix="/api/v1/settings", tags=["settings"])
ProcessDep = Annotated[Settings, Depends(provided(Settings))]
Shown = Annotated[
    Page,
    Depends(
        paged(SettingOut, sorts=("name", "group"), filters=("kind", "group", "source"), key="name")
    ),
]
Changes = Annotated[
    Page,
    Depends(paged(SettingChangeOut, sorts=("version",), default="-version", key="version")),
]


@router.get("")
@action(Action.PLATFORM_READ)
async def list_settings(
    actor: ActorDep, database: DatabaseDep, process: ProcessDep, page: Shown
) -> list[SettingOut]:
    """List every setting with its value and where that comes from; secrets are masked."""
    async with database.read() as uow:
        found = await settings.list_states(uow, actor)
    return page.of([*map(shown.platform_setting, found), *shown.process_settings(process)])


@router.get("/{setting_id}")
@action(Action.PLATFORM_READ)
async def get_setting(
    setting_id: str, actor: ActorDep, database: DatabaseDep, process: ProcessDep
) -> SettingOut:
    """Return one setting by its name."""
    authz.enter(actor, Action.PLATFORM_READ)
    if settings.is_process_setting(setting_id):
        return next(one for one in shown.process_settings(process) if one.name == setting_id)
    async with database.read() as uow:
        return shown.platform_setting(await settings.get_state(uow, actor, setting_id))


@router.put("/{setting_id}")
@action(Action.PLATFORM_MANAGE)
async def set_setting(
    setting_id: str, body: SettingIn, actor: ActorDep, database: DatabaseDep
) -> SettingOut:
    """Change a setting of the platform; it holds at once, everywhere."""
    async with database.write() as uow:
        found = await settings.set_(uow, actor, setting_id, body.value, body.version)
    return shown.platform_setting(found)


@router.post("/{setting_id}/reset")
@action(Action.PLATFORM_MANAGE)
async def reset_setting(
    setting_id: str, body: SettingResetIn, actor: ActorDep, database: DatabaseDep
) -> SettingNowOut:
    """Go back to the default."""
    async with database.write() as uow:
        found = await settings.reset(uow, actor, setting_id, body.version)
    return shown.now(found)


@router.post("/{setting_id}/undo")
@action(Action.PLATFORM_MANAGE)
async def undo_setting(
    setting_id: str, body: SettingUndoIn, actor: ActorDep, database: DatabaseDep
) -> SettingNowOut:
    """Go back to the value of an earlier version, which makes a new version."""
    async with database.write() as uow:
        found = await settings.go_back(uow, actor, setting_id, body.to, body.version)
    return shown.now(found)


@router.get("/{setting_id}/history")
@action(Action.PLATFORM_READ)
async def list_changes(
    setting_id: str, actor: ActorDep, database: DatabaseDep, page: Changes
) -> list[SettingChangeOut]:
    """List the changes of a setting of the platform, newest first."""
    async with database.read() as uow:
        found = await settings.history(uow, actor, setting_id, page.slice)
    return page.cut([shown.change(one) for one in found])
