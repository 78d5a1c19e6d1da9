"""Whatever cannot be right is refused by every route in clear words, and changes nothing.

Routes, what they take and whose ids they name come from the application itself.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.factories import databases
from tests.factories.platform import Platform
from tests.support.attack.filling import SHARED, WORDS
from tests.support.attack.surface import Target, served, targets
from tests.support.attack.world import PASSWORD, World, populate

from stead.core.authz import Role
from stead.entrypoints import declarations

pytestmark = pytest.mark.release
API = "/api/v1/"
JSON = {"Content-Type": "application/json"}
# What is written down about requests, whatever became of them.
BOOKS = {"audit_record", "audit_head", "sign_in_failure"}
HUGE = b'"' + b"x" * 1_100_000 + b'"'


@pytest.fixture
async def world(platform: Platform) -> World:
    return await populate(platform, "main")


@pytest.fixture
async def api(platform: Platform, world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of somebody who may do everything."""
    root = await platform.admin("Root", **{world.ids["project_id"]: Role.OWNER})
    async with platform.api(await platform.token(root)) as client:
        await client.get("/api/v1/me")
        yield client


def ours(platform: Platform, *methods: str) -> list[Target]:
    return [
        one
        for one in targets(platform.control)
        if one.path.startswith(API) and one.method in methods
    ]


def filled(target: Target, world: World) -> str:
    return target.path.format_map(SHARED | world.ids)


async def kept(platform: Platform) -> dict[str, Any]:
    rows = await databases.values(platform.database)
    return {name: content for name, content in rows.items() if name not in BOOKS}


def wrong_bodies(schema: dict[str, Any]) -> Iterator[bytes]:
    names = schema.get("properties", {})
    yield from (b"{", b"[" * 30_000, b'{"a":' * 10_000, b"\xff\xfe", b'"x"', b"[1]", HUGE)
    yield json.dumps({name: [[{}]] for name in names} | {"unheard-of": 1}).encode()
    yield json.dumps(dict.fromkeys(names, "a\0b") | {"unheard-of": 1}).encode()
    for name in names:
        yield json.dumps({name: "a\0b"}).encode()
        yield json.dumps({name: {"deep": [[[[]]]]}}).encode()


async def test_bodies_that_cannot_be_right_change_nothing(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    before, found = await kept(platform), []
    for target in ours(platform, "POST", "PUT", "PATCH"):
        bodies = list(wrong_bodies(target.body)) if target.body else [HUGE]
        for body in bodies:
            answer = await api.request(
                target.method, filled(target, world), content=body, headers=JSON
            )
            if not 400 <= answer.status_code < 500 or not answer.json()["code"]:
                found.append((str(target), body[:60], answer.status_code, answer.text[:200]))
    assert found == []
    assert await kept(platform) == before


async def test_a_nul_is_no_text_anywhere(api: httpx.AsyncClient):
    for body in (b'{"name": "a\\u0000b"}', b'{"name": "a\\\\\\u0000b"}', b'{"name": "a\0b"}'):
        answer = await api.post("/api/v1/tokens", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "request.unreadable")
    # An escaped backslash before it makes it five harmless characters.
    fine = await api.post("/api/v1/tokens", content=b'{"name": "a\\\\u0000b"}', headers=JSON)
    assert fine.json()["name"] == "a\\u0000b"


async def test_numbers_and_texts_in_the_query_that_cannot_be_right(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    before, found = await kept(platform), []
    for target in ours(platform, "GET", "POST", "DELETE"):
        wrong = [(name, "a\0b") for name in target.query]
        if "limit" in target.query:
            wrong += [("limit", text) for text in ("0", "-1", "x", "1000000000", "9" * 40, "")]
        for name, text in wrong:
            answer = await api.request(target.method, filled(target, world), params={name: text})
            if answer.status_code not in {400, 422} or not answer.json()["code"]:
                found.append((str(target), name, text, answer.status_code))
    assert found == []
    assert await kept(platform) == before


async def test_stale_versions_change_nothing(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    shown = {one.path for one in ours(platform, "GET")}
    before, found = await kept(platform), []
    for target in ours(platform, "PUT", "PATCH", "DELETE"):
        answer = await api.request(
            target.method, filled(target, world), headers={"If-Match": '"stale"'}, json=None
        )
        expected = 412 if target.path in shown else 400
        if answer.status_code != expected:
            found.append((str(target), answer.status_code, answer.text))
    assert found == []
    assert await kept(platform) == before


async def test_what_can_be_changed_is_shown_with_its_version(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    changed = {one.path for one in ours(platform, "PUT", "PATCH", "DELETE")}
    both = [one for one in ours(platform, "GET") if one.path in changed]
    assert len(both) >= 3
    assert len(declarations.versioned(served(platform.control))) == len(both)
    for target in both:
        first, second = [await api.get(filled(target, world)) for _ in range(2)]
        assert first.headers["ETag"] == second.headers["ETag"]


def body_for(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return something that a route may accept."""
    if not schema:
        return None
    known = WORDS | {"role": "viewer", "password": PASSWORD, "project": "main", "on": True}
    found = {name: known.get(name) for name in schema.get("properties", {}) if name in known}
    return found | {name: {} for name in ("inputs",) if name in schema.get("properties", {})}


async def test_requests_that_are_sent_again_change_nothing(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    again, found = 0, []
    for target in ours(platform, "POST"):
        key = {"Idempotency-Key": f"k-{target.path}"}
        path, body = filled(target, world), body_for(target.body)
        first = await api.post(path, json=body, headers=key)
        before = await kept(platform)
        second = await api.post(path, json=body, headers=key)
        other = await api.post(path, json={"other": 1}, headers=key)
        if first.status_code >= 300:
            continue
        again += 1
        alike = second.status_code == first.status_code and "Idempotent-Replayed" in second.headers
        if not alike or other.status_code != 422 or await kept(platform) != before:
            found.append((str(target), first.text, second.text, other.text))
    assert found == []
    assert again >= 15


async def test_keys_that_cannot_be_right_change_nothing(
    platform: Platform, world: World, api: httpx.AsyncClient
):
    before = await kept(platform)
    answers = {
        str(target): await api.post(
            filled(target, world),
            json=body_for(target.body),
            headers={"Idempotency-Key": "a" * 256},
        )
        for target in ours(platform, "POST")
    }
    assert {one.status_code for one in answers.values()} == {400}
    assert await kept(platform) == before
