"""What is recorded of requests and operations, and who may read it."""

import json

import pytest
from tests.factories.platform import ORIGIN, Platform, end_operations

from stead.audit import public as audit
from stead.audit.schemas import RecordOut
from stead.core import durable
from stead.core.authz import Actor, Role
from stead.identity import public as identity
from stead.identity.models import UserRow
from stead.identity.passwords import Passwords
from stead.kit.secrets import Secret


@pytest.fixture
async def ada(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


@pytest.fixture
async def auditor(platform: Platform) -> str:
    """Return a token of somebody who may read the trail."""
    person = await platform.person("Aud")
    async with platform.database.write() as uow:
        (await uow.session.get_one(UserRow, person.user_id)).auditor = True
    return await platform.token(person)


async def records(platform: Platform, **wanted: str) -> list[RecordOut]:
    async with platform.database.read() as uow:
        items, _ = await audit.list_(uow, audit.Filters(**wanted), 100)
    return items[::-1]


async def deploy(platform: Platform, ada: Actor, name: str = "cache") -> dict[str, str]:
    async with platform.api(await platform.token(ada)) as api:
        answer = await api.post("/api/v1/deployments", json={"app": "redis", "name": name})
    made: dict[str, str] = answer.json()
    return made


async def test_a_deed_is_recorded_with_who_what_whose_and_from_where(
    platform: Platform, ada: Actor
):
    await deploy(platform, ada)
    (record,) = await records(platform)
    assert (record.action, record.actor, record.actor_id) == (
        "deployment.create",
        "Ada",
        ada.user_id,
    )
    assert record.project_id in ada.projects
    assert (record.outcome, record.address) == ("done", "127.0.0.1")
    assert record.detail["method"] == "POST"
    assert record.detail["token"]


async def test_the_record_names_the_request_that_the_answer_names(platform: Platform, ada: Actor):
    async with platform.api(await platform.token(ada)) as api:
        answer = await api.post("/api/v1/tokens", json={"name": "x"})
    (record,) = await records(platform)
    assert record.request_id == answer.headers["x-request-id"]


async def test_reading_is_not_recorded(platform: Platform, ada: Actor):
    async with platform.api(await platform.token(ada)) as api:
        for path in ("/api/v1/me", "/api/v1/deployments", "/api/v1/nothing"):
            await api.get(path)
    assert await records(platform) == []


async def test_what_is_refused_or_rejected_is_recorded_as_such(platform: Platform, ada: Actor):
    viewer = await platform.person("Vic", **{next(iter(ada.projects)): Role.VIEWER})
    async with platform.api(await platform.token(viewer)) as api:
        await api.post("/api/v1/deployments", json={"app": "redis"})
    async with platform.api(await platform.token(ada)) as api:
        await api.post("/api/v1/deployments", json={"app": 1})
        await api.delete(f"/api/v1/deployments/{'0' * 26}")
    found = [(one.actor, one.outcome, one.subject) for one in await records(platform)]
    assert found == [
        ("Vic", "refused", ""),
        ("Ada", "rejected", ""),
        ("Ada", "refused", f"deployment:{'0' * 26}"),
    ]


async def test_what_changes_nothing_but_shows_secrets_is_recorded(platform: Platform, ada: Actor):
    made = await deploy(platform, ada)
    async with platform.api(await platform.token(ada)) as api:
        await api.post(f"/api/v1/deployments/{made['deployment_id']}/reveal")
    record = (await records(platform, action="deployment.reveal"))[-1]
    assert (record.outcome, record.subject) == ("done", f"deployment:{made['deployment_id']}")
    assert record.project_id in ada.projects


async def test_strangers_cannot_fill_the_trail(platform: Platform):
    async with platform.api() as api:
        for path in ("/api/v1/deployments", "/api/v1/nothing", "/nothing"):
            await api.post(path, json={})
    assert await records(platform) == []


async def test_signing_in_is_recorded_without_the_link(platform: Platform, ada: Actor):
    async with platform.database.write() as uow:
        link = await identity.issue_link(uow, ada.user_id)
    for _ in range(2):
        async with platform.api(Origin=ORIGIN) as api:
            await api.post(f"/sign-in/{link}", data={"csrf": ""})
    found = await records(platform)
    assert [(one.action, one.actor, one.outcome) for one in found] == [
        ("redeem.link", "Ada", "done"),
        ("redeem.link", "", "rejected"),
    ]
    assert link not in json.dumps([one.model_dump(mode="json") for one in found])


async def test_a_wrong_password_is_one_refusal_and_a_right_one_names_the_person(
    platform: Platform, ada: Actor
):
    hashed = await Passwords().hash(Secret("correct horse battery"))
    async with platform.database.write() as uow:
        (await uow.session.get_one(UserRow, ada.user_id)).password_hash = hashed
    for password in ("wrong horse", "correct horse battery"):
        async with platform.api(Origin=ORIGIN) as api:
            fields = {"csrf": "", "name": "Ada", "password": password}
            await api.post("/sign-in", data=fields)
    found = [(one.actor, one.outcome) for one in await records(platform)]
    assert found == [("", "rejected"), ("Ada", "done")]


async def test_the_end_of_an_operation_is_recorded(platform: Platform, ada: Actor):
    made = await deploy(platform, ada)
    async with platform.database.write() as uow:
        await durable.append_event(
            uow, made["operation_id"], "state", {"state": durable.State.FAILED}
        )
    (record,) = await records(platform, action="deployment.deploy.ended")
    assert (record.outcome, record.actor) == ("failed", "Ada")
    assert record.subject == f"deployment:{made['deployment_id']}"
    assert record.detail == {"operation": made["operation_id"]}


async def test_auditors_page_and_filter(platform: Platform, ada: Actor, auditor: str):
    for number in range(5):
        await deploy(platform, ada, f"cache-{number}")
        async with platform.database.write() as uow:
            await end_operations(uow)
    async with platform.api(auditor) as api:
        first = (await api.get("/api/v1/audit", params={"limit": 3})).json()
        rest = (
            await api.get("/api/v1/audit", params={"limit": 3, "cursor": first["next"]})
        ).json()
        none = (await api.get("/api/v1/audit", params={"actor": "Eve"})).json()
        some = (await api.get("/api/v1/audit", params={"actor": "Ada", "limit": 1})).json()
    seqs = [one["seq"] for one in first["items"] + rest["items"]]
    assert seqs == [5, 4, 3, 2, 1]
    assert (rest["next"], none["items"], len(some["items"])) == (None, [], 1)


async def test_bad_questions_are_the_callers_mistake(platform: Platform, auditor: str):
    async with platform.api(auditor) as api:
        for query in (
            "cursor=x",
            "cursor=12",
            "limit=0",
            "limit=100000",
            "since=never",
            "until=0.5",
        ):
            assert (await api.get(f"/api/v1/audit?{query}")).status_code == 422, query
        for query in ("actor=%ff", "since=2026-01-01"):
            assert (await api.get(f"/api/v1/audit?{query}")).status_code == 200, query


async def test_the_export_is_every_record_and_can_be_verified_elsewhere(
    platform: Platform, ada: Actor, auditor: str
):
    for number in range(3):
        await deploy(platform, ada, f"cache-{number}")
    async with platform.api(auditor) as api:
        answer = await api.get("/api/v1/audit/export")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert [line["previous"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]


async def test_auditors_have_a_page(platform: Platform, ada: Actor, auditor: str):
    await deploy(platform, ada)
    async with platform.api(auditor, Accept="text/html") as api:
        page = await api.get("/audit")
        empty = await api.get("/audit?actor=Eve")
    assert "deployment.create" in page.text
    assert "Nothing matches" in empty.text
    async with platform.api(await platform.token(ada), Accept="text/html") as api:
        assert (await api.get("/audit")).status_code == 403
        assert 'href="/audit"' not in (await api.get("/")).text
