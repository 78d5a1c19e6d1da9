"""Platform settings: changed by admins, with a history, and never by two who do not know."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.factories.platform import Platform

from stead.core import platform_settings
from stead.core.authz import Role
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.platform_settings.store import TOPIC
from stead.core.platform_settings.tables import SettingRow
from stead.core.settings import Settings
from stead.identity.settings import SESSION_IDLE
from stead.kit import clock
from stead.platform import settings
from stead.platform.shown import process_settings as shown_settings

IDLE = "/api/v1/settings/session.idle_minutes"


@pytest.fixture
async def api(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    root = await platform.admin("root")
    async with platform.api(await platform.token(root)) as client:
        yield client


async def idle(database: Database) -> int:
    async with database.read() as uow:
        return await platform_settings.get(uow, SESSION_IDLE)


async def put(api: httpx.AsyncClient, value: object, version: int) -> httpx.Response:
    return await api.put(IDLE, json={"value": value, "version": version})


async def test_a_change_holds_at_once_and_is_remembered(
    platform: Platform, api: httpx.AsyncClient
):
    assert await idle(platform.database) == 120
    changed = (await put(api, "60", 0)).json()
    assert (changed["value"], changed["version"], changed["source"]) == (60, 1, "database")
    assert await idle(platform.database) == 60
    back = (await api.post(f"{IDLE}/reset", json={"version": 1})).json()
    assert (back["now"], back["version"], back["source"]) == (120, 2, "default")
    assert await idle(platform.database) == 120
    told = (await api.get(f"{IDLE}/history")).json()
    assert [(one["version"], one["old"], one["new"], one["by"]) for one in told] == [
        (2, 60, 120, "root"),
        (1, 120, 60, "root"),
    ]
    assert (told[1]["was_default"], told[0]["is_default"]) == (True, True)


async def test_a_change_that_is_based_on_old_news_is_refused(
    platform: Platform, api: httpx.AsyncClient
):
    await put(api, 60, 0)
    late = await put(api, 30, 0)
    assert (late.status_code, late.json()["code"]) == (409, "setting.changed_meanwhile")
    assert "version 1, not 0" in late.json()["title"]
    reset = await api.post(f"{IDLE}/reset", json={"version": 0})
    undo = await api.post(f"{IDLE}/undo", json={"to": 0, "version": 0})
    assert (reset.status_code, undo.status_code) == (409, 409)
    assert await idle(platform.database) == 60


async def test_of_two_at_once_one_wins(api: httpx.AsyncClient):
    answers = await asyncio.gather(*(put(api, 30 + n, 0) for n in range(6)))
    assert sorted(one.status_code for one in answers) == [200, *[409] * 5]
    assert len((await api.get(f"{IDLE}/history")).json()) == 1


async def test_an_earlier_version_comes_back_as_a_new_one(api: httpx.AsyncClient):
    await put(api, 60, 0)
    await put(api, 30, 1)
    back = (await api.post(f"{IDLE}/undo", json={"to": 1, "version": 2})).json()
    assert (back["now"], back["version"]) == (60, 3)
    default = (await api.post(f"{IDLE}/undo", json={"to": 0, "version": 3})).json()
    assert (default["source"], default["version"]) == ("default", 4)
    absent = await api.post(f"{IDLE}/undo", json={"to": 9, "version": 4})
    assert absent.status_code == 404


async def test_what_changes_nothing_makes_no_version(api: httpx.AsyncClient):
    assert (await api.post(f"{IDLE}/reset", json={"version": 0})).json()["version"] == 0
    await put(api, 60, 0)
    assert (await put(api, 60, 1)).json()["version"] == 1
    # A default that was chosen stays when the product's default changes, so it counts.
    assert (await put(api, 120, 1)).json()["source"] == "database"


@pytest.mark.parametrize("value", [4, 1441, "soon", None, True, [60], "6" * 5000, "\x00", 1.5])
async def test_a_value_that_makes_no_sense_is_refused(
    platform: Platform, api: httpx.AsyncClient, value: object
):
    answer = await put(api, value, 0)
    assert answer.status_code == 422
    assert answer.json()["title"]
    assert await idle(platform.database) == 120


async def test_settings_of_the_process_are_shown_and_not_changed(api: httpx.AsyncClient):
    found = (await api.get("/api/v1/settings/server.domain")).json()
    assert (found["kind"], found["source"]) == ("process", "default")
    assert "[server]" in found["where"]
    refused = await api.put(
        "/api/v1/settings/server.domain", json={"value": "x.example", "version": 0}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "setting.process")
    assert (await api.get("/api/v1/settings/server.domain/history")).status_code == 409
    assert (await api.get("/api/v1/settings/no.such")).status_code == 404


async def test_both_kinds_are_listed_and_passwords_are_masked(api: httpx.AsyncClient):
    rows = (await api.get("/api/v1/settings")).json()
    assert {one["kind"] for one in rows} == {"platform", "process"}
    names = [one["name"] for one in rows]
    assert len(set(names)) == len(names)
    secret = Settings.model_validate({"server": {"database": "postgresql+asyncpg://a:hush@h/n"}})
    shown = {one.name: one for one in shown_settings(secret)}
    assert shown["server.database"].value == "postgresql+asyncpg://a:•••@h/n"


def test_no_name_is_of_both_kinds():
    process = {
        f"{group}.{name}"
        for group, model in Settings.model_fields.items()
        for name in type(model.default).model_fields
    }
    assert process & set(settings.DECLARED) == set()
    assert {one for one in process if settings.is_process_setting(one)} == process
    assert not any(map(settings.is_process_setting, settings.DECLARED))


def test_every_setting_says_what_it_does_and_has_a_default_that_it_accepts():
    for one in settings.DECLARED.values():
        assert one.accept(one.stored_default) == one.stored_default
        assert one.title
        assert one.help.endswith(".")


async def test_changes_are_audited(api: httpx.AsyncClient):
    await put(api, 60, 0)
    rows = (await api.get("/api/v1/audit")).json()["items"]
    found = next(one for one in rows if one["action"] == "platform.manage")
    assert (found["actor"], found["subject"]) == ("root", "setting:session.idle_minutes")


async def test_auditors_look_and_others_do_not_even_do_that(platform: Platform):
    ada = await platform.person("ada", **{await platform.project("main"): Role.OWNER})
    auditor = await platform.person("olga", auditor=True)
    async with platform.api(await platform.token(auditor)) as client:
        assert (await client.get(IDLE)).status_code == 200
        assert (await put(client, 60, 0)).status_code == 403
    async with platform.api(await platform.token(ada)) as client:
        assert (await client.get("/api/v1/settings")).status_code == 403


async def test_another_process_hears_of_it(database_url: str, api: httpx.AsyncClient):
    other = Database(database_url, Bus())
    assert await idle(other) == 120
    await put(api, 60, 0)
    # What PostgreSQL tells; without it the other one remembers for a moment only.
    other.bus.publish(TOPIC)
    assert await idle(other) == 60
    await other.close()


async def test_a_change_is_seen_by_its_own_transaction(platform: Platform):
    root = await platform.admin("root")
    async with platform.database.write() as uow:
        assert await platform_settings.get(uow, SESSION_IDLE) == 120
        await settings.set_(uow, root, SESSION_IDLE.name, 60, 0)
        assert await platform_settings.get(uow, SESSION_IDLE) == 60


async def test_a_value_that_is_not_allowed_any_more_is_not_used(platform: Platform):
    async with platform.database.write() as uow:
        row = SettingRow(name=SESSION_IDLE.name, version=1, is_set=True, value=99999)
        row.changed_at, row.changed_by = clock.utc_now(), "somebody"
        uow.session.add(row)
        uow.wake(TOPIC)
    assert await idle(platform.database) == 120
