"""Reads and writes platform settings. All of them are remembered until one changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from stead.core import log
from stead.core.db import Uow
from stead.core.errors import Kind as ErrorKind, SteadError
from stead.core.keyset import sliced
from stead.core.paging import Slice
from stead.core.platform_settings.declared import AnySetting, Setting
from stead.core.platform_settings.kinds import Json, UnacceptableError, Value
from stead.core.platform_settings.tables import SettingChangeRow, SettingRow
from stead.kit import clock

TOPIC: Final = "platform-settings"
NEVER: Final = 0
logger = log.get(__name__)


class SettingChangedError(SteadError):
    """Somebody else changed the setting after it was looked at."""

    kind = ErrorKind.CONFLICT
    code = "setting.changed_meanwhile"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for a setting; ``chosen`` is False for its default."""

    value: Json
    chosen: bool


DEFAULT: Final = Choice(None, chosen=False)


async def get(uow: Uow, setting: Setting[Value]) -> Value:
    """Return what holds now, for this transaction."""
    chosen = await _chosen(uow)
    if setting.name not in chosen:
        return setting.default
    try:
        return setting.kind.read(chosen[setting.name])
    except UnacceptableError as error:
        # An upgrade may have narrowed what is allowed; nothing may stop because of that.
        logger.warning("platform_setting.unusable", setting=setting.name, reason=str(error))
        return setting.default


async def find_rows(uow: Uow) -> Mapping[str, SettingRow]:
    """Return every setting that was ever changed, by name."""
    return {row.name: row for row in await uow.session.scalars(select(SettingRow))}


async def put(
    uow: Uow, setting: AnySetting, wanted: Choice, *, by: str, expected: int
) -> SettingRow | None:
    """Choose a value, or the default, if the setting still has the version ``expected``.

    What changes nothing makes no new version; None is a setting that was never changed.
    Raises SettingChangedError.
    """
    row = await uow.session.get(SettingRow, setting.name, with_for_update=True)
    version = require_version(setting, row, expected)
    before = Choice(row.value, row.is_set) if row is not None else DEFAULT
    if before == wanted:
        return row
    if row is None:
        row = SettingRow(name=setting.name)
        uow.session.add(row)
    row.version, row.changed_at, row.changed_by = version + 1, clock.utc_now(), by
    row.value, row.is_set = wanted.value, wanted.chosen
    uow.session.add(
        SettingChangeRow(
            name=row.name,
            version=row.version,
            was_set=before.chosen,
            old=before.value,
            is_set=wanted.chosen,
            new=wanted.value,
            at=row.changed_at,
            by=by,
        )
    )
    try:
        await uow.session.flush()
    except IntegrityError as error:
        raise _changed(f"{setting.name} was changed for the first time meanwhile") from error
    uow.wake(TOPIC)
    return row


def _changed(text: str) -> SettingChangedError:
    return SettingChangedError(text, hint="Look at what it is now, then change it again.")


def require_version(setting: AnySetting, row: SettingRow | None, expected: int) -> int:
    """Return the version that a setting has, if it is this one. Raises SettingChangedError."""
    version = row.version if row is not None else NEVER
    if version != expected:
        raise _changed(f"{setting.name} was changed: it has version {version}, not {expected}")
    return version


async def changes(uow: Uow, name: str, wanted: Slice) -> list[SettingChangeRow]:
    """Return changes of a setting in the order of their versions."""
    query = select(SettingChangeRow).where(SettingChangeRow.name == name)
    columns = {"version": SettingChangeRow.version}
    return list(
        await uow.session.scalars(sliced(query, wanted, columns, SettingChangeRow.version))
    )


async def find_change(uow: Uow, name: str, version: int) -> SettingChangeRow | None:
    """Return the change that made this version."""
    return await uow.session.get(SettingChangeRow, (name, version))


async def _chosen(uow: Uow) -> Mapping[str, object]:
    own = uow.will_wake(TOPIC)
    kept = None if own else uow.memory.find(TOPIC)
    if isinstance(kept, dict):
        return kept
    query = select(SettingRow.name, SettingRow.value).where(SettingRow.is_set)
    found: dict[str, object] = dict((await uow.session.execute(query)).all())
    if not own:
        uow.memory.keep(TOPIC, found, uow.began)
    return found
