"""What failed and is to be looked at stays there, and goes on from where it stopped."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.factories.durable import ended
from tests.factories.platform import Platform
from tests.factories.simulated import SECONDS, Site, simulated_site

from stead.agents import public as agents
from stead.core.db import Uow
from stead.operations.schemas import OperationOut

pytestmark = pytest.mark.timeout(120)
LOOK = agents.JobResult("failed", 3, "The configuration makes no sense.")
BROKEN = agents.JobResult("failed", 1, "An input cannot be used.")


@pytest.fixture
async def site(platform: Platform, tmp_path: Path) -> AsyncIterator[Site]:
    async with simulated_site(platform, tmp_path) as made:
        made.engine.let_all()
        yield made


@pytest.fixture
def first_ends(monkeypatch: pytest.MonkeyPatch) -> dict[str, agents.JobResult]:
    """Let the first script end as told under "as"; those after it end as they do."""
    told: dict[str, agents.JobResult] = {}
    real = agents.find_result
    jobs: list[str] = []

    async def find(uow: Uow, job_id: str) -> agents.JobResult | None:
        if job_id not in jobs:
            jobs.append(job_id)
        return told["as"] if job_id == jobs[0] else await real(uow, job_id)

    monkeypatch.setattr(agents, "find_result", find)
    return told


async def stopped(site: Site, **more: object) -> OperationOut:
    (made,) = await site.deploy(1, **more)
    return await ended(site.platform.database, made["operation_id"], SECONDS)


async def test_what_needs_a_person_stays_until_somebody_has_it_tried_again(
    site: Site, first_ends: dict[str, agents.JobResult]
):
    first_ends["as"] = LOOK
    operation = await stopped(site)
    assert (operation.state, operation.error["step"]) == ("kept", "install")
    assert operation.error["code"] == "operation.needs_person"
    assert operation.error["fields"] == {"exit_code": "3"}
    (guest,) = await site.engine.inventory()
    assert guest.state == "running", "somebody can look at it"
    answer = await site.http.post(f"/api/v1/operations/{operation.id}/retry")
    assert answer.status_code == 202, answer.text
    again = await ended(site.platform.database, operation.id, SECONDS)
    assert (again.state, again.error) == ("succeeded", None)
    (deployment,) = (await site.http.get("/api/v1/deployments")).json()
    assert deployment["state"] == "live"


async def test_what_needs_a_person_can_be_taken_back(
    site: Site, first_ends: dict[str, agents.JobResult]
):
    first_ends["as"] = LOOK
    operation = await stopped(site)
    answer = await site.http.post(f"/api/v1/operations/{operation.id}/undo")
    assert answer.status_code == 202, answer.text
    assert (await ended(site.platform.database, operation.id, SECONDS)).state == "failed"
    assert await site.engine.inventory() == ()
    assert (await site.http.get("/api/v1/deployments")).json() == []


@pytest.mark.parametrize("keep", [True, False])
async def test_another_failure_is_kept_for_those_who_asked_so(
    site: Site, first_ends: dict[str, agents.JobResult], *, keep: bool
):
    first_ends["as"] = BROKEN
    operation = await stopped(site, keep=keep)
    assert operation.error["code"] == "operation.step_failed"
    assert operation.state == ("kept" if keep else "failed")
    assert len(await site.engine.inventory()) == keep
