"""Requests that are sent again act once, and changes are made only to what was seen."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update
from tests.factories import databases
from tests.factories.platform import Platform

from stead.core import replays
from stead.core.authz import Actor, Role
from stead.core.db import Uow
from stead.core.durable import OperationRow
from stead.core.replays import AnswerRow
from stead.deployments.models import DeploymentRow
from stead.identity.models import ApiTokenRow, ProjectRow
from stead.kit import clock

KEY = {"Idempotency-Key": "k-1"}
REDIS = {"app": "redis", "name": "cache"}


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    return await platform.admin("Ada", **{await platform.project("main"): Role.OWNER})


async def count(platform: Platform, row: type) -> int:
    async with platform.database.read() as uow:
        return await uow.session.scalar(select(func.count()).select_from(row)) or 0


async def test_a_request_that_is_sent_again_is_answered_alike_and_acts_once(
    platform: Platform, owner: Actor
):
    async with platform.api(await platform.token(owner)) as api:
        first = await api.post("/api/v1/deployments", json=REDIS, headers=KEY)
        again = await api.post("/api/v1/deployments", json=REDIS, headers=KEY)
    assert (first.status_code, first.json()) == (202, again.json())
    assert again.status_code == 202
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (
        None,
        "true",
    )
    assert await count(platform, DeploymentRow) == await count(platform, OperationRow) == 1


async def test_another_request_with_the_same_key_is_refused(platform: Platform, owner: Actor):
    async with platform.api(await platform.token(owner)) as api:
        await api.post("/api/v1/projects", json={"name": "two"}, headers=KEY)
        body = await api.post("/api/v1/projects", json={"name": "three"}, headers=KEY)
        route = await api.post("/api/v1/organisations", json={"name": "two"}, headers=KEY)
    for answer in (body, route):
        assert (answer.status_code, answer.json()["code"]) == (422, "request.key_reused")
    assert await count(platform, ProjectRow) == 2


async def test_keys_belong_to_the_credential_that_sent_them(platform: Platform, owner: Actor):
    answers = []
    for token in (await platform.token(owner), await platform.token(owner)):
        async with platform.api(token) as api:
            answers.append(
                await api.post("/api/v1/deployments", json={"app": "redis"}, headers=KEY)
            )
    assert answers[0].json()["operation_id"] != answers[1].json()["operation_id"]


async def test_an_answer_that_held_a_secret_is_told_again_without_it(
    platform: Platform, owner: Actor
):
    async with platform.api(await platform.token(owner)) as api:
        first = (await api.post("/api/v1/tokens", json={"name": "x"}, headers=KEY)).json()
        again = (await api.post("/api/v1/tokens", json={"name": "x"}, headers=KEY)).json()
    assert first["token"]
    assert not first["shown_already"]
    assert again == first | {"token": None, "shown_already": True}
    assert first["token"].encode() not in await databases.stored(platform.database)
    assert await count(platform, ApiTokenRow) == 2


async def test_signing_in_again_makes_one_token_and_keeps_no_password(platform: Platform):
    await platform.person("Bob", password="correct horse battery")
    body = {"name": "Bob", "password": "correct horse battery"}
    async with platform.api() as api:
        first = (await api.post("/api/v1/sign-in", json=body, headers=KEY)).json()
        again = (await api.post("/api/v1/sign-in", json=body, headers=KEY)).json()
        wrong = await api.post("/api/v1/sign-in", json=body | {"password": "x"}, headers=KEY)
    assert again == first | {"token": None, "shown_already": True}
    assert wrong.status_code == 422
    assert b"correct horse" not in await databases.stored(platform.database)


async def test_wrong_passwords_count_with_a_key_too(platform: Platform):
    await platform.person("Bob", password="correct horse battery")
    answers = []
    async with platform.api() as api:
        for number in range(8):
            body = {"name": "Bob", "password": f"wrong {number}"}
            key = {"Idempotency-Key": f"k-{number}"}
            answers.append(await api.post("/api/v1/sign-in", json=body, headers=key))
    assert {one.status_code for one in answers} == {401, 429}


async def test_what_failed_may_be_tried_again_with_the_same_key(platform: Platform, owner: Actor):
    body = {"name": "two", "organisation": "absent"}
    async with platform.api(await platform.token(owner)) as api:
        refused = await api.post("/api/v1/projects", json=body, headers=KEY)
        await api.post("/api/v1/organisations", json={"name": "absent"})
        done = await api.post("/api/v1/projects", json=body, headers=KEY)
    assert refused.status_code >= 400
    assert done.status_code == 201


async def test_of_two_at_once_one_acts_and_the_other_waits_its_turn(
    platform: Platform, owner: Actor, monkeypatch: pytest.MonkeyPatch
):
    reached, go_on = asyncio.Event(), asyncio.Event()
    record = replays.record

    async def record_late(uow: Uow, asked: replays.Asked, answer: replays.Answer) -> None:
        reached.set()
        await go_on.wait()
        await record(uow, asked, answer)

    monkeypatch.setattr(replays, "record", record_late)
    async with platform.api(await platform.token(owner)) as api:

        async def ask() -> httpx.Response:
            return await api.post("/api/v1/deployments", json=REDIS, headers=KEY)

        first = asyncio.create_task(ask())
        await reached.wait()
        second = await ask()
        go_on.set()
        done, later = await first, await ask()
    assert (second.status_code, second.json()["code"]) == (409, "request.still_running")
    assert second.headers["Retry-After"] == "1"
    assert (done.status_code, later.json()) == (202, done.json())
    assert await count(platform, DeploymentRow) == 1


async def test_two_processes_with_the_same_key_act_once(platform: Platform):
    asked = replays.Asked("somebody", "k", "POST /x?", b"")
    async with platform.database.write() as one:
        await replays.hold(one, asked)
        if not platform.database.sqlite:
            with pytest.raises(replays.StillRunningError):
                async with platform.database.write() as other:
                    await replays.hold(other, asked)
    async with platform.database.write() as other:
        await replays.hold(other, asked)


async def test_a_kill_before_the_answer_is_kept_leaves_nothing(
    platform: Platform, owner: Actor, monkeypatch: pytest.MonkeyPatch
):
    async def die(*_: object) -> None:
        raise SystemError("killed")

    async with platform.api(await platform.token(owner)) as api:
        with monkeypatch.context() as patched:
            patched.setattr(replays, "record", die)
            lost = await api.post("/api/v1/deployments", json=REDIS, headers=KEY)
        left = await count(platform, DeploymentRow)
        again = await api.post("/api/v1/deployments", json=REDIS, headers=KEY)
    assert (lost.status_code, left, again.status_code) == (500, 0, 202)


async def test_answers_are_kept_for_a_day(platform: Platform, owner: Actor):
    async with platform.api(await platform.token(owner)) as api:
        await api.post("/api/v1/tokens", json={"name": "x"}, headers=KEY)
        async with platform.database.write() as uow:
            await _age(uow)
        await api.post("/api/v1/tokens", json={"name": "y"}, headers=KEY)
    assert await count(platform, AnswerRow) == 1
    assert await count(platform, ApiTokenRow) == 3


async def _age(uow: Uow) -> None:
    before = clock.utc_now() - replays.KEPT - timedelta(seconds=1)
    await uow.session.execute(update(AnswerRow).values(created_at=before))


@pytest.mark.parametrize("key", ["", " ", "a b", "é".encode(), "a" * 256, "a\tb"])
async def test_keys_that_cannot_be_are_refused(platform: Platform, owner: Actor, key: str):
    async with platform.api(await platform.token(owner)) as api:
        headers = {"Idempotency-Key": key}
        answer = await api.post("/api/v1/tokens", json={"name": "x"}, headers=headers)
        twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        both = await api.post("/api/v1/tokens", json={"name": "x"}, headers=twice)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.header")
    assert both.status_code == 400
    assert await count(platform, ApiTokenRow) == 1


async def test_a_change_to_what_was_seen_is_made(platform: Platform, owner: Actor):
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(owner)) as api:
        seen = (await api.get(path)).headers["ETag"]
        changed = await api.patch(path, json={"name": "b"}, headers={"If-Match": seen})
        now = (await api.get(path)).headers["ETag"]
    assert changed.status_code == 200
    assert changed.headers["ETag"] == now != seen


async def test_a_change_to_what_somebody_changed_is_refused(platform: Platform, owner: Actor):
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(owner)) as api:
        seen = (await api.get(path)).headers["ETag"]
        await api.patch(path, json={"name": "b"})
        stale = await api.patch(path, json={"name": "c"}, headers={"If-Match": seen})
        now = await api.get(path)
        weak = await api.patch(
            path, json={"name": "c"}, headers={"If-Match": f"W/{now.headers['ETag']}"}
        )
        listed = f'"x", {now.headers["ETag"]}'
        among = await api.patch(path, json={"name": "d"}, headers={"If-Match": listed})
        any_ = await api.patch(path, json={"name": "e"}, headers={"If-Match": "*"})
    assert (stale.status_code, stale.json()["code"]) == (412, "request.stale")
    assert stale.headers["ETag"] == now.headers["ETag"]
    assert now.json()["name"] == "b"
    assert (weak.status_code, among.status_code, any_.status_code) == (412, 200, 200)


async def test_a_version_is_the_same_whatever_changes_by_itself(platform: Platform, owner: Actor):
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(owner)) as api:
        before = (await api.get(path)).headers["ETag"]
        await api.post("/api/v1/deployments", json=REDIS)
        after = (await api.get(path)).headers["ETag"]
    assert before == after


@pytest.mark.parametrize("tag", ["", "x", '"a', "W/x", '"a" "b"', "*, *"])
async def test_tags_that_cannot_be_read_are_refused(platform: Platform, owner: Actor, tag: str):
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(owner)) as api:
        answer = await api.patch(path, json={"name": "b"}, headers={"If-Match": tag})
        kept = (await api.get(path)).json()["name"]
    assert (answer.status_code, answer.json()["code"], kept) == (400, "request.header", "main")


async def test_of_two_who_saw_the_same_one_may_change_it(platform: Platform, owner: Actor):
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(owner)) as api:
        seen = {"If-Match": (await api.get(path)).headers["ETag"]}
        answers = await asyncio.gather(
            *(api.patch(path, json={"name": f"n{n}"}, headers=seen) for n in range(5))
        )
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412, 412]


async def test_strangers_hear_nothing_of_versions(platform: Platform, owner: Actor):
    stranger = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(stranger)) as api:
        ours = await api.patch(path, json={"name": "x"}, headers={"If-Match": '"x"'})
        nothing = await api.patch(
            "/api/v1/projects/none", json={"name": "x"}, headers={"If-Match": '"x"'}
        )
    assert (ours.status_code, ours.text) == (404, nothing.text)
    async with platform.api() as api:
        nobody = await api.patch(path, json={"name": "x"}, headers={"If-Match": '"x"'})
    assert nobody.status_code == 401


async def test_no_transaction_waits_for_what_only_asks_elsewhere(
    platform: Platform, owner: Actor, monkeypatch: pytest.MonkeyPatch
):
    def never(**_: object) -> None:
        raise SystemError("a transaction was opened")

    monkeypatch.setattr(platform.database, "whole", never)
    async with platform.api(await platform.token(owner)) as api:
        asked = await api.post("/api/v1/clusters/probe", json={}, headers=KEY)
        other = await api.post("/api/v1/tokens", json={"name": "x"}, headers=KEY)
    assert (asked.status_code, other.status_code) == (422, 500)


async def test_nobody_is_told_to_sign_in_before_how_to_say_what_they_saw(platform: Platform):
    project = await platform.project("ours")
    async with platform.api("") as api:
        answer = await api.patch(
            f"/api/v1/projects/{project}", json={"name": "b"}, headers={"If-Match": "0"}
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")


async def test_a_method_that_is_not_taken_is_said_before_what_its_tags_lack(
    platform: Platform, owner: Actor
):
    path = f"/api/v1/projects/{next(iter(owner.projects))}"
    async with platform.api(await platform.token(owner)) as api:
        answer = await api.put(path, json={"name": "b"}, headers={"If-Match": "0"})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PATCH")
