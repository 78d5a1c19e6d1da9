"""Platform settings: what there is, what holds, who changed it, and changing it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stead.core import authz, platform_settings
from stead.core.authz import Action, Actor, NotFoundError
from stead.core.db import Uow
from stead.core.outbound import settings as outbound
from stead.core.paging import Slice
from stead.core.platform_settings import AnySetting, Json, UnacceptableError, store
from stead.core.platform_settings.store import DEFAULT, NEVER, Choice
from stead.core.platform_settings.tables import SettingChangeRow, SettingRow
from stead.core.settings import Settings
from stead.deployments import public as deployments
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.network import public as network
from stead.operations import public as operations
from stead.platform.errors import SettingElsewhereError, SettingInvalidError

DECLARED: Final = platform_settings.collect(
    (
        *deployments.SETTINGS,
        *exposure.SETTINGS,
        *network.SETTINGS,
        *identity.SETTINGS,
        *operations.SETTINGS,
        *outbound.SETTINGS,
    )
)
LATEST: Final = Slice(50, "version", descending=True, after=None, filters={})


@dataclass(frozen=True, slots=True)
class State:
    """A setting and what holds for it; ``version`` counts its changes."""

    setting: AnySetting
    value: Json
    chosen: bool
    version: int
    changed_at: datetime | None
    changed_by: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change; a value that was the default then is None, and ``by_default`` says so."""

    version: int
    at: datetime
    by: str
    old: Json
    was_default: bool
    new: Json
    is_default: bool


def is_process_setting(name: str) -> bool:
    """Tell whether a name is one of those that the process is told at start."""
    group, _, field = name.partition(".")
    model = Settings.model_fields.get(group)
    return model is not None and field in type(model.default).model_fields


async def list_states(uow: Uow, actor: Actor) -> list[State]:
    """Return every setting, in the order in which they are declared."""
    authz.enter(actor, Action.PLATFORM_READ)
    rows = await store.find_rows(uow)
    return [_state(one, rows.get(one.name)) for one in DECLARED.values()]


async def get_state(uow: Uow, actor: Actor, name: str) -> State:
    """Return one setting. Raises NotFoundError and SettingElsewhereError."""
    authz.enter(actor, Action.PLATFORM_READ)
    return _state(_declared(name), (await store.find_rows(uow)).get(name))


async def set_(uow: Uow, actor: Actor, name: str, given: object, expected: int) -> State:
    """Choose a value for a setting that still has this version; it holds at once.

    Raises NotFoundError, SettingInvalidError and SettingChangedError.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    setting = _declared(name)
    try:
        value = setting.accept(given)
    except UnacceptableError as error:
        raise SettingInvalidError(
            f"{name} cannot be set to this", fields={"value": str(error)}
        ) from error
    return await _put(uow, actor, setting, Choice(value, chosen=True), expected)


async def reset(uow: Uow, actor: Actor, name: str, expected: int) -> State:
    """Go back to the default. Raises NotFoundError and SettingChangedError."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    return await _put(uow, actor, _declared(name), DEFAULT, expected)


async def go_back(uow: Uow, actor: Actor, name: str, to: int, expected: int) -> State:
    """Choose again what a setting had at an earlier version, as a new one.

    Raises NotFoundError, SettingChangedError, and SettingInvalidError for a value that is not
    allowed any more.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    setting = _declared(name)
    # Whoever looks at old news may name a version that is no more than a slip.
    store.require_version(setting, (await store.find_rows(uow)).get(name), expected)
    if to == NEVER:
        return await _put(uow, actor, setting, DEFAULT, expected)
    change = await store.find_change(uow, name, to)
    if change is None:
        raise NotFoundError(f"{name} has no version {to}")
    if not change.is_set:
        return await _put(uow, actor, setting, DEFAULT, expected)
    return await set_(uow, actor, name, change.new, expected)


async def history(uow: Uow, actor: Actor, name: str, wanted: Slice | None = None) -> list[Change]:
    """Return changes of a setting, unless asked the latest. Raises NotFoundError."""
    authz.enter(actor, Action.PLATFORM_READ)
    setting = _declared(name)
    return [_change(row, setting) for row in await store.changes(uow, name, wanted or LATEST)]


async def _put(
    uow: Uow, actor: Actor, setting: AnySetting, wanted: Choice, expected: int
) -> State:
    row = await store.put(uow, setting, wanted, by=actor.name, expected=expected)
    return _state(setting, row)


def _declared(name: str) -> AnySetting:
    found = DECLARED.get(name)
    if found is None and is_process_setting(name):
        raise SettingElsewhereError(
            f"{name} is told to the server when it starts, and read only then",
            hint="Its file or environment says it; stead config get names both.",
        )
    if found is None:
        raise NotFoundError("There is no such setting", hint="List them with: stead config show")
    return found


def _state(setting: AnySetting, row: SettingRow | None) -> State:
    if row is None:
        return State(setting, setting.stored_default, False, NEVER, None, "")
    value = row.value if row.is_set else setting.stored_default
    return State(setting, value, row.is_set, row.version, row.changed_at, row.changed_by)


def _change(row: SettingChangeRow, setting: AnySetting) -> Change:
    default = setting.stored_default
    return Change(
        version=row.version,
        at=row.at,
        by=row.by,
        old=row.old if row.was_set else default,
        was_default=not row.was_set,
        new=row.new if row.is_set else default,
        is_default=not row.is_set,
    )
