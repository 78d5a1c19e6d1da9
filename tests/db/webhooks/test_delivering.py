"""From what happens to what a receiver hears, over real TLS, also on bad days."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.db.webhooks.conftest import BROKEN, MakeCourier, Receiver, Room, told

from stead.core import durable
from stead.core.db import Uow
from stead.core.durable import Plan, Step, StepContext, StepError, Submission, Worker
from stead.core.outbound import Limits
from stead.core.vault import SecretRow
from stead.webhooks.courier import Courier, Outcome, Parcel, record
from stead.webhooks.models import DeliveryRow, WebhookRow

pytestmark = pytest.mark.timeout(60)


async def _well(_context: StepContext) -> None:
    return None


async def _badly(_context: StepContext) -> None:
    raise StepError("The disk is full")


GOOD = Plan("deployment.deploy", 1, (Step("work", "Work", _well),))
BAD = Plan("machine.job", 1, (Step("work", "Work", _badly, attempts=1),))


@asynccontextmanager
async def running(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Let these go on meanwhile; if one fails, the test does."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(look: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401  (whatever is looked for)
    while True:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.01)


async def ended(room: Room, hook: dict[str, Any], delivery_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        found = await room.delivery(hook, delivery_id)
        return found if found["state"] != "pending" else None

    return dict(await until(look))


async def submit(room: Room, plan: Plan, **params: str) -> str:
    async with room.database.write() as uow:
        asked = Submission(
            room.project_id, "deployment:d1", "Deploy Redis as cache", "Ada", params
        )
        return await durable.submit(uow, plan, asked)


async def age(room: Room) -> None:
    """Let every delivery be due, as if its pause or its sender's lease were over."""
    async with room.database.write() as uow:
        await uow.session.execute(update(DeliveryRow).values(next_at=0))
        uow.wake("webhooks")


async def test_the_end_of_an_operation_is_told_signed(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    hook = await room.hook(receiver.url, "deployment.live", "operation.failed")
    worker = Worker(room.database, [GOOD], owner="w")
    async with running(courier_of().run(), worker.run(alone=True)):
        operation_id = await submit(room, GOOD, name="cache")
        await receiver.reached.wait()
        await until(lambda: _state(room, hook, "delivered"))
    assert receiver.is_signed(0, hook["secret"])
    body = told(receiver.bodies[0])
    assert body["event"] == receiver.heard[0]["stead-event"] == "deployment.live"
    assert body["id"] == receiver.heard[0]["stead-delivery"]
    assert body["project"]["name"] == "main"
    assert body["deployment"] == {"id": "d1", "name": "cache"}
    assert body["operation"]["id"] == operation_id
    assert body["operation"]["url"].endswith(f"/operations/{operation_id}")
    assert len(receiver.bodies) == 1


async def _state(room: Room, hook: dict[str, Any], state: str) -> bool:
    rows = await room.deliveries(hook)
    return bool(rows) and all(row["state"] == state for row in rows)


async def test_a_failure_is_told_with_its_reason(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    hook = await room.hook(receiver.url, "operation.failed")
    worker = Worker(room.database, [BAD], owner="w")
    async with running(courier_of().run(), worker.run(alone=True)):
        await submit(room, BAD)
        await receiver.reached.wait()
        await until(lambda: _state(room, hook, "delivered"))
    assert told(receiver.bodies[0])["operation"]["error"]["message"] == "The disk is full"


async def test_what_was_taken_back_is_not_told(room: Room, receiver: Receiver):
    hook = await room.hook(receiver.url)
    operation_id = await submit(room, GOOD)
    with suppress(ZeroDivisionError):
        async with room.database.write() as uow:
            await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
            raise ZeroDivisionError
    assert await room.deliveries(hook) == []


async def test_what_nobody_chose_is_not_told(room: Room, receiver: Receiver):
    hook = await room.hook(receiver.url, "job.failed")
    operation_id = await submit(room, GOOD)
    async with room.database.write() as uow:
        await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
    assert await room.deliveries(hook) == []


async def test_a_receiver_that_fails_is_tried_again_later_under_the_same_id(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answer = BROKEN
    hook = await room.hook(receiver.url)
    operation_id = await submit(room, GOOD)
    async with room.database.write() as uow:
        await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
    (row,) = await room.deliveries(hook)

    async def tried() -> bool:
        return bool((await room.delivery(hook, row["id"]))["attempts"])

    async with running(courier_of().run()):
        await until(tried)
        found = await room.delivery(hook, row["id"])
        assert (found["state"], found["last"]["status"]) == ("pending", 500)
        assert found["last"]["answer"] == "broken"
        receiver.answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        await age(room)
        found = await ended(room, hook, row["id"])
    assert (found["state"], found["tries"]) == ("delivered", 2)
    assert [one["stead-delivery"] for one in receiver.heard] == [row["id"]] * 2


async def test_it_is_given_up_and_after_several_the_webhook_is_paused(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answer = BROKEN
    hook = await room.hook(receiver.url)
    for _ in range(5):
        operation_id = await submit(room, GOOD)
        async with room.database.write() as uow:
            await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
    async with room.database.write() as uow:
        await uow.session.execute(update(DeliveryRow).values(tries=7))
    async with running(courier_of().run()):
        await until(lambda: _state(room, hook, "given_up"))
    assert (await room.shown(hook))["paused"] == "failures"
    again = f"/api/v1/webhooks/{hook['id']}/deliveries/{(await room.deliveries(hook))[0]['id']}"
    assert (await room.http.post(f"{again}/redeliver")).json()["code"] == "webhook.paused"


async def test_failures_of_the_same_moment_count_each(room: Room, receiver: Receiver):
    hook = await room.hook(receiver.url)
    for _ in range(2):
        operation_id = await submit(room, GOOD)
        async with room.database.write() as uow:
            await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
    async with room.database.write() as uow:
        await uow.session.execute(update(DeliveryRow).values(tries=8))
        one, other = (await uow.session.scalars(select(DeliveryRow.id))).all()

    async def fail(uow: Uow, delivery_id: str) -> None:
        parcel = Parcel(delivery_id, hook["id"], 8, "operation.succeeded", hook["url"], "", ())
        await record(uow, parcel, Outcome(0.1, 500))

    async def fail_beside() -> None:
        async with room.database.write() as uow:
            await fail(uow, other)

    async with room.database.write() as uow:
        await fail(uow, one)
        await uow.session.flush()
        beside = asyncio.create_task(fail_beside())
        # It cannot end before this one has; it comes as far as it can.
        await asyncio.wait({beside}, timeout=0.3)
    await beside
    async with room.database.read() as uow:
        assert (await uow.session.get_one(WebhookRow, hook["id"])).misses == 2


async def test_a_delivery_is_sent_again_with_all_its_tries(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answer = BROKEN
    hook = await room.hook(receiver.url)
    async with running(courier_of().run()):
        first = await ended(room, hook, await room.test(hook))
        assert (first["state"], first["tries"]) == ("given_up", 1)
        receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        path = f"/api/v1/webhooks/{hook['id']}/deliveries/{first['id']}/redeliver"
        assert (await room.http.post(path)).status_code == 202
        second = await ended(room, hook, first["id"])
    assert (second["state"], len(second["attempts"])) == ("delivered", 2)


async def test_a_receiver_that_wants_no_more_is_left_alone(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answer = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    hook = await room.hook(receiver.url)
    operation_id = await submit(room, GOOD)
    async with room.database.write() as uow:
        await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
    async with running(courier_of().run()):
        await until(lambda: _state(room, hook, "given_up"))
    assert (await room.shown(hook))["paused"] == "gone"


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://x.example/\r\n\r\n", 302, "given_up"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"\x00megabyte" * 120_000, 200, "delivered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut", 200, "delivered"),
        (b"nonsense\r\n\r\n", None, "given_up"),
    ],
)
async def test_odd_answers(
    room: Room, receiver: Receiver, courier_of: MakeCourier, answer: bytes, status: int, state: str
):
    receiver.answer = answer
    hook = await room.hook(receiver.url)
    async with running(courier_of().run()):
        found = await ended(room, hook, await room.test(hook))
    assert (found["state"], found["last"]["status"]) == (state, status)
    assert len(found["last"]["answer"]) <= 1000
    assert len(receiver.heard) == 1


async def test_a_receiver_that_hangs_is_left_in_time(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answers.clear()
    hook = await room.hook(receiver.url)
    async with running(courier_of(limits=Limits(seconds=0.3)).run()):
        found = await ended(room, hook, await room.test(hook))
    assert "longer than 0.3 seconds" in found["last"]["problem"]


async def test_internal_addresses_are_refused(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    hook = await room.hook(receiver.url)
    async with running(courier_of(allowed=()).run()):
        found = await ended(room, hook, await room.test(hook))
    assert "not on the internet" in found["last"]["problem"]
    assert receiver.heard == []


async def test_one_that_died_half_way_leaves_it_to_the_next(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answers.clear()
    hook = await room.hook(receiver.url)
    delivery_id = await room.test(hook)
    async with running(courier_of().run()):
        await receiver.reached.wait()
    receiver.answers.set()
    assert (await room.delivery(hook, delivery_id))["state"] == "pending"
    async with running(courier_of().run()):
        # The dead one's lease still holds; then it ends.
        await age(room)
        found = await ended(room, hook, delivery_id)
    assert (found["state"], found["tries"]) == ("delivered", 2)
    assert [one["stead-delivery"] for one in receiver.heard] == [delivery_id] * 2


async def test_one_that_is_deleted_while_it_is_told_is_gone(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answers.clear()
    hook = await room.hook(receiver.url)
    await room.test(hook)
    courier = courier_of()
    async with running(courier.run()):
        await receiver.reached.wait()
        assert (await room.http.delete(f"/api/v1/webhooks/{hook['id']}")).status_code == 204
        receiver.answers.set()
        await until(lambda: _idle(courier))
    async with room.database.read() as uow:
        left = [list(await uow.session.scalars(select(row))) for row in (DeliveryRow, SecretRow)]
    assert left == [[], []]


async def _idle(courier: Courier) -> bool:
    return courier._under_way.total() == 0


async def test_while_it_is_paused_nothing_is_sent_and_nothing_is_kept(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    hook = await room.hook(receiver.url)
    waiting = await submit(room, GOOD)
    async with room.database.write() as uow:
        await durable.append_event(uow, waiting, "state", {"state": "succeeded"})
    await room.http.post(f"/api/v1/webhooks/{hook['id']}/pause")
    missed = await submit(room, GOOD)
    async with room.database.write() as uow:
        await durable.append_event(uow, missed, "state", {"state": "succeeded"})
    async with running(courier_of().run()):
        # A test goes out all the same, which shows that the other one does not.
        await ended(room, hook, await room.test(hook))
        assert len(receiver.heard) == 1
        await room.http.post(f"/api/v1/webhooks/{hook['id']}/resume")
        await until(lambda: _state(room, hook, "delivered"))
    assert [told(body).get("operation", {}).get("id") for body in receiver.bodies] == [
        None,
        waiting,
    ]


async def test_more_than_can_wait_pauses_it(
    room: Room, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stead.webhooks.rules.BACKLOG", 1)
    hook = await room.hook(receiver.url)
    for _ in range(2):
        operation_id = await submit(room, GOOD)
        async with room.database.write() as uow:
            await durable.append_event(uow, operation_id, "state", {"state": "succeeded"})
    assert (await room.shown(hook))["paused"] == "backlog"
    assert len(await room.deliveries(hook)) == 1


async def test_receivers_that_hang_leave_places_for_other_projects(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    receiver.answers.clear()
    hook = await room.hook(receiver.url)
    for _ in range(20):
        await room.test(hook)
    courier = courier_of()
    async with running(courier.run()):

        async def hangs() -> bool:
            return len(receiver.heard) == 4

        await until(hangs)
        async with room.database.read() as uow:
            rows = list(await uow.session.scalars(select(DeliveryRow.tries)))
        assert (sum(rows), courier._under_way.total()) == (4, 4)


async def test_both_secrets_sign_for_a_day(
    room: Room, receiver: Receiver, courier_of: MakeCourier
):
    hook = await room.hook(receiver.url)
    made = (await room.http.post(f"/api/v1/webhooks/{hook['id']}/secret")).json()
    async with running(courier_of().run()):
        await ended(room, hook, await room.test(hook))
        async with room.database.write() as uow:
            row = await uow.session.get_one(WebhookRow, hook["id"])
            row.previous_until = row.created_at
        await ended(room, hook, await room.test(hook))
    assert receiver.is_signed(0, made["secret"])
    assert receiver.is_signed(0, hook["secret"])
    assert receiver.is_signed(1, made["secret"])
    assert not receiver.is_signed(1, hook["secret"])
