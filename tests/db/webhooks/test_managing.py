"""Who may have webhooks, and what is never told about them."""

import json
from datetime import timedelta

from sqlalchemy import select
from tests.db.webhooks.conftest import Room
from tests.factories.agents import KEY, Agent

from stead.agents import public as agents
from stead.audit.models import RecordRow
from stead.core.authz import Role
from stead.core.durable import OperationRow
from stead.core.vault import SecretRow
from stead.kit import clock
from stead.webhooks import repository
from stead.webhooks.models import DeliveryRow, WebhookRow
from stead.webhooks.rules import MOST

URL = "https://hooks.example.org/a"


async def test_the_secret_is_shown_once_and_lies_encrypted(room: Room):
    hook = await room.hook(URL)
    secret = hook["secret"]
    assert secret.startswith("stw_")
    assert "secret" not in await room.shown(hook)
    async with room.database.read() as uow:
        kept = list(await uow.session.scalars(select(SecretRow)))
        records = list(await uow.session.scalars(select(RecordRow)))
    assert [row.owner for row in kept] == [hook["id"]]
    assert all(secret.encode() not in row.ciphertext for row in kept)
    assert records
    assert all(secret not in json.dumps([row.detail, row.subject]) for row in records)


async def test_a_repeated_request_does_not_tell_the_secret_again(room: Room):
    path = f"/api/v1/projects/{room.project_id}/webhooks"
    body = {"name": "chat", "url": URL, "events": ["job.failed"]}
    headers = {"Idempotency-Key": "k1"}
    first = (await room.http.post(path, json=body, headers=headers)).json()
    again = (await room.http.post(path, json=body, headers=headers)).json()
    assert first["id"] == again["id"]
    assert (again["secret"], again["shown_already"]) == (None, True)


async def test_only_owners_have_webhooks_and_maintainers_see_them(room: Room):
    hook = await room.hook(URL)
    told = {}
    for role in (Role.MAINTAINER, Role.DEVELOPER, Role.VIEWER):
        person = await room.platform.person(role, **{room.project_id: role})
        async with room.platform.api(await room.platform.token(person)) as http:
            seen = await http.get(f"/api/v1/webhooks/{hook['id']}")
            tested = await http.post(f"/api/v1/webhooks/{hook['id']}/test")
            told[role] = (seen.status_code, tested.status_code)
    assert told == {
        Role.MAINTAINER: (200, 403),
        Role.DEVELOPER: (403, 403),
        Role.VIEWER: (403, 403),
    }


async def test_a_delivery_is_found_only_under_its_own_webhook(room: Room):
    one, other = await room.hook(URL), await room.hook(URL)
    delivery_id = await room.test(one)
    path = f"/api/v1/webhooks/{other['id']}/deliveries/{delivery_id}"
    assert (await room.http.get(path)).status_code == 404
    assert (await room.http.post(f"{path}/redeliver")).status_code == 404


async def test_what_cannot_be_an_address_is_refused_at_its_field(room: Room):
    body = {"name": "chat", "url": "http://hooks.example.org/", "events": ["job.failed"]}
    answer = await room.http.post(f"/api/v1/projects/{room.project_id}/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook.invalid")
    assert "https://" in answer.json()["fields"]["url"]
    hook = await room.hook(URL)
    path = f"/api/v1/webhooks/{hook['id']}"
    assert (await room.http.patch(path, json={"url": "nonsense"})).status_code == 422
    assert (await room.shown(hook))["url"] == URL


async def test_what_is_left_out_of_a_change_stays(room: Room):
    hook = await room.hook(URL, "job.failed")
    path = f"/api/v1/webhooks/{hook['id']}"
    changed = (await room.http.patch(path, json={"events": ["job.done"]})).json()
    assert (changed["name"], changed["url"], changed["events"]) == ("chat", URL, ["job.done"])


async def test_a_project_has_so_many_and_no_more(room: Room):
    for _ in range(MOST):
        await room.hook(URL)
    body = {"name": "chat", "url": URL, "events": ["job.failed"]}
    answer = await room.http.post(f"/api/v1/projects/{room.project_id}/webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook.too_many")


async def test_a_test_waits_even_if_it_is_sent_again_at_once(room: Room):
    hook = await room.hook(URL)
    delivery_id = await room.test(hook)
    path = f"/api/v1/webhooks/{hook['id']}/deliveries/{delivery_id}/redeliver"
    assert (await room.http.post(path)).json()["tries"] == 0


async def test_a_job_that_failed_is_told(room: Room):
    hook = await room.hook(URL, "job.failed")
    made = (await room.http.post("/api/v1/servers", json={"name": "nas"})).json()
    async with room.platform.agent() as wire:
        body = {"token": made["token"], "key": KEY, "version": "1"}
        agent_id = (await wire.post("/agent/v1/enrol", json=body)).json()["agent"]
        agent = Agent(agent_id, made["id"], wire)
        await room.http.post(f"/api/v1/agents/{made['id']}/jobs", json={"kind": "facts"})
        await _queue_job(room, made["id"])
        job = await agent.claim()
        assert job is not None
        await agent.report(job, "failed", exit_code=1, reason="no")
    (row,) = await room.deliveries(hook)
    body = (await room.delivery(hook, row["id"]))["body"]
    assert (body["event"], body["job"]["outcome"]) == ("job.failed", "failed")


async def _queue_job(room: Room, machine_id: str) -> None:
    """Queue the job of the latest operation, as its worker would."""

    async with room.database.write() as uow:
        operation = (await uow.session.scalars(select(OperationRow))).one()
        request = agents.TaskRequest("k", machine_id, operation.id, "run", "facts", {}, 10)
        await agents.ensure_task(uow, request)


async def test_old_deliveries_are_forgotten_and_waiting_ones_are_not(room: Room):
    hook = await room.hook(URL)
    old, waiting = await room.test(hook), await room.test(hook)
    async with room.database.write() as uow:
        row = await uow.session.get_one(DeliveryRow, old)
        row.state, row.finished_at = "delivered", clock.utc_now() - timedelta(days=15)
    async with room.database.write() as uow:
        assert await repository.purge(uow, clock.utc_now() - timedelta(days=14)) == 1
    assert [row["id"] for row in await room.deliveries(hook)] == [waiting]


async def test_nothing_is_told_to_another_project(room: Room):
    hook = await room.hook(URL, "operation.succeeded")
    other = await room.platform.project("other")
    async with room.database.read() as uow:
        row = await uow.session.get_one(WebhookRow, hook["id"])
        assert await repository.listening(uow, other) == []
        assert await repository.listening(uow, room.project_id) == [row]
