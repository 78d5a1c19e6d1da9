"""Lists with filters, the log, and what people do with operations, over HTTP."""

import httpx
import pytest
from sqlalchemy import update
from tests.factories.platform import Platform

from stead.core import durable
from stead.core.authz import Actor, Role
from stead.core.durable import OperationRow, State, StepRow, StepState, Submission


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


async def ask(platform: Platform, actor: Actor, subject: str = "deployment:1") -> str:
    project = next(iter(actor.projects))
    async with platform.database.write() as uow:
        params = {"deployment_id": "gone", "size": "small"}
        asked = Submission(project, subject, f"Do {subject}", actor.name, params)
        return await durable.submit(uow, platform.deployments.deploy_plan, asked)


async def stop(platform: Platform, operation_id: str, state: State, done: int) -> None:
    """Let it have stopped after so many steps."""
    async with platform.database.write() as uow:
        await uow.session.execute(
            update(OperationRow).where(OperationRow.id == operation_id).values(state=state)
        )
        await uow.session.execute(
            update(StepRow)
            .where(StepRow.operation_id == operation_id, StepRow.position < done)
            .values(state=StepState.DONE)
        )


async def client(platform: Platform, actor: Actor) -> httpx.AsyncClient:
    return platform.api(await platform.token(actor))


async def test_a_list_goes_on_where_its_link_says(platform: Platform, owner: Actor):
    made = [await ask(platform, owner, f"thing:{n}") for n in range(5)]
    seen: list[str] = []
    async with await client(platform, owner) as api:
        path = "/api/v1/operations?limit=2"
        while path:
            answer = await api.get(path)
            seen += [row["id"] for row in answer.json()]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == made[::-1]


async def test_a_list_is_filtered_by_what_was_asked(platform: Platform, owner: Actor):
    first, second = await ask(platform, owner, "thing:1"), await ask(platform, owner, "thing:2")
    await stop(platform, second, State.KEPT, 1)

    async def found(**query: str) -> list[str]:
        async with await client(platform, owner) as api:
            answer = await api.get("/api/v1/operations", params=query)
            assert answer.status_code == 200, answer.text
            return [row["id"] for row in answer.json()]

    assert await found(state="kept") == [second]
    assert await found(state="queued") == [first]
    assert await found(subject="thing:1") == [first]
    assert await found(kind="deployment.deploy") == [second, first]
    assert await found(kind="other") == []
    async with await client(platform, owner) as api:
        assert (await api.get("/api/v1/operations?state=odd")).status_code == 422
        assert (await api.get("/api/v1/operations?project_id=unknown")).status_code == 404


async def test_the_log_is_text_to_download(platform: Platform, owner: Actor):
    operation_id = await ask(platform, owner)
    async with platform.database.write() as uow:
        facts = [("log", {"text": f"line {n}"}) for n in range(450)]
        await durable.append_events(uow, operation_id, facts, "install")
    async with await client(platform, owner) as api:
        answer = await api.get(f"/api/v1/operations/{operation_id}/log")
    lines = answer.text.splitlines()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert len(lines) == 451
    assert lines[0].endswith("state queued")
    assert lines[-1].endswith("log [install] line 449")


async def test_what_was_kept_is_tried_again_from_a_step(platform: Platform, owner: Actor):
    operation_id = await ask(platform, owner)
    await stop(platform, operation_id, State.KEPT, 4)
    path = f"/api/v1/operations/{operation_id}"
    async with await client(platform, owner) as api:
        wrong = await api.post(f"{path}/retry", json={"from": "probe"})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "operation.not_retryable")
        assert (await api.post(f"{path}/retry", json={"of": "x"})).status_code == 422
        again = await api.post(f"{path}/retry", json={"from": "create"})
        assert (again.status_code, again.json()["state"]) == (202, "queued")
        twice = await api.post(f"{path}/retry")
        assert twice.status_code == 409, "it goes on already"
    async with platform.database.read() as uow:
        row = await durable.get(uow, operation_id)
    assert (row.back_to, row.round) == (3, 1)


async def test_a_failed_undo_is_tried_again_by_retry(platform: Platform, owner: Actor):
    operation_id = await ask(platform, owner)
    await stop(platform, operation_id, State.UNDO_FAILED, 2)
    async with await client(platform, owner) as api:
        found = (await api.get(f"/api/v1/operations/{operation_id}")).json()
        again = await api.post(f"/api/v1/operations/{operation_id}/retry")
    assert (found["undoable"], again.json()["state"]) == (True, "queued")
    async with platform.database.read() as uow:
        assert (await durable.get(uow, operation_id)).back_to == -1


async def test_the_one_that_waits_says_behind_what(platform: Platform, owner: Actor):
    await ask(platform, owner, "thing:1")
    second = await ask(platform, owner, "thing:1")
    async with await client(platform, owner) as api:
        found = (await api.get(f"/api/v1/operations/{second}")).json()
    assert found["behind"] == "Do thing:1"


async def test_keeping_is_asked_for_while_it_goes_on(platform: Platform, owner: Actor):
    operation_id = await ask(platform, owner)
    async with await client(platform, owner) as api:
        kept = await api.post(f"/api/v1/operations/{operation_id}/keep")
        assert (kept.status_code, kept.json()["keep"]) == (202, True)
        assert (await api.post(f"/api/v1/operations/{operation_id}/keep")).status_code == 202
        await stop(platform, operation_id, State.FAILED, 0)
        late = await api.post(f"/api/v1/operations/{operation_id}/keep")
    assert (late.status_code, late.json()["code"]) == (409, "operation.not_keepable")
