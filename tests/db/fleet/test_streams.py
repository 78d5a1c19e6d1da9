"""Jobs as a stream of plain messages, by the id of the job or of its operation."""

import json
from typing import Any

import pytest
from tests.factories.platform import Platform, end_operations

from stead.agents import public as agents
from stead.agents.public import TaskRequest
from stead.core import durable
from stead.core.authz import Role


@pytest.fixture
async def job(platform: Platform) -> tuple[str, str, str]:
    """Return the ids of a job and of its operation that has ended, and its owner's token."""
    project = await platform.project("main")
    owner = await platform.person("Ada", **{project: Role.OWNER})
    token = await platform.token(owner)
    async with platform.api(token) as api:
        server = (await api.post("/api/v1/servers", json={"name": "nas"})).json()["id"]
        path = f"/api/v1/agents/{server}/jobs"
        operation = (await api.post(path, json={"kind": "facts"})).json()["operation_id"]
    async with platform.database.write() as uow:
        asked = TaskRequest("key", server, operation, "work", "facts", {}, 60, "Ada")
        job_id = await agents.ensure_task(uow, asked)
        for kind, data in (
            ("progress", {"percent": 40, "text": "Installing packages"}),
            ("log", {"stream": "stdout", "text": 'a "line"\n: event: x'}),
            ("state", {"state": "succeeded"}),
        ):
            await durable.append_event(uow, operation, kind, data)
        await end_operations(uow)
    return job_id, operation, token


def messages(text: str) -> list[dict[str, Any]]:
    """Return what a browser would hand to ``onmessage``."""
    blocks = [block.split("\n") for block in text.split("\n\n")]
    plain = [lines for lines in blocks if not any(one.startswith("event:") for one in lines)]
    return [json.loads(one[6:]) for lines in plain for one in lines if one.startswith("data: ")]


async def test_a_job_tells_status_progress_message_and_output(
    platform: Platform, job: tuple[str, str, str]
):
    job_id, operation, token = job
    async with platform.api(token) as api:
        told = (await api.get(f"/api/jobs/{job_id}/stream")).text
        same = (await api.get(f"/api/jobs/{operation}/stream")).text
        rest = (await api.get(f"/api/jobs/{job_id}/stream", headers={"Last-Event-ID": "3"})).text
    assert messages(told)[-3:] == [
        {"status": "queued", "progress": 40, "message": "Installing packages"},
        {"status": "queued", "progress": 40, "output": 'a "line"\n: event: x'},
        {"status": "succeeded", "progress": 100},
    ]
    assert told == same
    assert told.endswith("event: end\ndata: {}\n\n")
    assert messages(rest) == messages(told)[3:], (
        "who comes back misses nothing and repeats nothing"
    )


async def test_strangers_hear_of_no_job(platform: Platform, job: tuple[str, str, str]):
    other = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    async with platform.api(await platform.token(other)) as api:
        ours = await api.get(f"/api/jobs/{job[0]}/stream")
        absent = await api.get(f"/api/jobs/{'0' * 26}/stream")
    assert (ours.status_code, ours.text) == (404, absent.text)
