"""Both kinds of settings as people and programs see them, what is secret left out."""

import re
from typing import Final

from stead.core.platform_settings import Choice, Json
from stead.core.settings import Settings, Source, variable
from stead.platform.schemas import SettingChangeOut, SettingNowOut, SettingOut
from stead.platform.settings import Change, State

# What stands between a name and a host in a URL, and what is secret by its name.
_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):[^@]*@")
_SECRET: Final = re.compile(r"(^|_)(password|secret|token|key)$")
MASK: Final = "•••"


def platform_setting(state: State) -> SettingOut:
    """Return a platform setting."""
    setting = state.setting
    return SettingOut(
        name=setting.name,
        kind="platform",
        group=setting.group,
        title=setting.title,
        help=setting.help,
        accepts=setting.kind.words,
        options=list(setting.kind.options) if isinstance(setting.kind, Choice) else [],
        value=state.value,
        unit=setting.kind.unit,
        default=setting.stored_default,
        source="database" if state.chosen else "default",
        version=state.version,
        changed_at=state.changed_at,
        changed_by=state.changed_by,
        where=f"stead config set {setting.name} VALUE",
    )


def now(state: State) -> SettingNowOut:
    """Return what holds for a platform setting now."""
    return SettingNowOut(
        name=state.setting.name,
        version=state.version,
        now=state.value,
        source="database" if state.chosen else "default",
    )


def change(one: Change) -> SettingChangeOut:
    """Return one change of a platform setting."""
    return SettingChangeOut(
        version=one.version,
        at=one.at,
        by=one.by,
        old=one.old,
        was_default=one.was_default,
        new=one.new,
        is_default=one.is_default,
    )


def process_settings(settings: Settings) -> list[SettingOut]:
    """Return what this process was told, in the order of the reference."""
    found = []
    for group, model in Settings.model_fields.items():
        told, usual = getattr(settings, group), model.default
        for name in type(usual).model_fields:
            source = settings.source(f"{group}.{name}")
            found.append(
                SettingOut(
                    name=f"{group}.{name}",
                    kind="process",
                    group=group,
                    title=name.replace("_", " ").capitalize(),
                    help="",
                    accepts="",
                    options=[],
                    value=_told(name, getattr(told, name)),
                    unit="",
                    default=_told(name, getattr(usual, name)),
                    source=source.value,
                    version=0,
                    changed_at=None,
                    changed_by="",
                    where=_where(settings, group, name, source),
                )
            )
    return found


def words(value: Json) -> str:
    """Return a value as it is typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(value)
    return "none" if value is None else str(value)


def _where(settings: Settings, group: str, name: str, source: Source) -> str:
    named = variable(group, name)
    if source is Source.ENVIRONMENT:
        return f"{named} in the server's environment, then restart it"
    return f"{name} in [{group}] of {settings.file}, then restart the server"


def _told(name: str, value: object) -> Json:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, tuple):
        return [_masked(name, str(one)) for one in value]
    return _masked(name, str(value))


def _masked(name: str, text: str) -> str:
    if text and _SECRET.search(name):
        return MASK
    return _PASSWORD.sub(rf"\1:{MASK}@", text)
