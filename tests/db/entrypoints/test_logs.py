"""Log lines say whose work they are about, without being told where they are written."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from tests.factories.durable import ended, submit, working
from tests.factories.platform import Platform

from stead.core import log
from stead.core.authz import Role
from stead.core.db import Database
from stead.core.durable import Plan, Step, StepContext, StepError
from stead.core.platform_settings.store import Choice, put
from stead.deployments.settings import LARGEST_SIZE

Lines = Callable[[str], list[dict[str, Any]]]
logger = log.get(__name__)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Return the lines of an event, as a server with ``json_logs`` writes them."""
    written = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=log.processors(json=True),
        logger_factory=structlog.PrintLoggerFactory(file=written),
        cache_logger_on_first_use=False,
    )
    yield lambda event: [
        found
        for line in written.getvalue().splitlines()
        if (found := json.loads(line))["event"] == event
    ]
    structlog.configure(**before)


async def test_a_line_of_a_request_names_who_asked_and_about_which_project(
    platform: Platform, lines: Lines
):
    project = await platform.project("main")
    ada = await platform.person("Ada", **{project: Role.OWNER})
    async with platform.database.write() as uow:
        # As an upgrade may leave it behind.
        await put(uow, LARGEST_SIZE, Choice("gigantic", chosen=True), by="Root", expected=0)
    async with platform.api(await platform.token(ada)) as api:
        body = {"app": "redis", "name": "cache"}
        answer = await api.post("/api/v1/deployments", json=body)
    assert answer.status_code == 202, answer.text
    (line,) = lines("platform_setting.unusable")
    assert line["actor"] == ada.user_id
    assert line["project"] == project
    assert line["request"] == answer.headers["x-request-id"]
    logger.warning("afterwards")
    (line,) = lines("afterwards")
    assert not {"actor", "project", "request"} & line.keys()


async def test_a_line_of_a_step_names_its_operation_and_project(database: Database, lines: Lines):
    async def do(_context: StepContext) -> None:
        logger.info("done")
        raise StepError("never")

    async def undo(_context: StepContext) -> None:
        logger.info("undone")

    async def crash(_context: StepContext) -> None:
        raise ValueError("a bug")

    plans = (
        Plan("tells", 1, (Step("one", "One", do, undo, 1),)),
        Plan("crashes", 1, (Step("two", "Two", crash, None, 1),)),
    )
    async with working(database, *plans):
        ids = [await submit(database, plan, f"thing:{plan.kind}") for plan in plans]
        for one in ids:
            await ended(database, one)
    whose = {"operation": ids[0], "project": "project", "step": "one"}
    for event in ("done", "undone"):
        (line,) = lines(event)
        assert whose.items() <= line.items()
    (line,) = lines("operation.step.crashed")
    assert (line["operation"], line["project"]) == (ids[1], "project")
    assert "a bug" in line["exception"]
