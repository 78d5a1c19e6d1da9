"""What an engine said of a failure is kept for operators, and for nobody else."""

import pytest
from tests.factories.acting import Yard, make_yard
from tests.factories.durable import World, ended, submit, working
from tests.factories.platform import Platform

from stead.core.db import Database
from stead.core.durable import OperationRow
from stead.engines.errors import TaskFailedError

SAID = "zfs error: cannot open 'tank/x': dataset is busy"


async def failed(database: Database, error: Exception) -> tuple[str, OperationRow]:
    """Let an operation fail like this; return its id and its record."""
    world = World(script={"do a": [error]})
    async with working(database, world.plan()):
        operation = await ended(database, await submit(database, world.plan()))
    async with database.read() as uow:
        return operation.id, await uow.session.get_one(OperationRow, operation.id)


async def test_the_engines_words_are_kept_beside_the_error(database: Database):
    _, row = await failed(database, TaskFailedError("The snapshot failed", native=SAID))
    assert row.detail == SAID
    assert SAID not in str(row.error)


@pytest.mark.parametrize(
    "secret",
    [
        "password=hunter2hunter2",
        "Authorization: Bearer hunter2hunter2",
        "token: hunter2hunter2",
        "https://root:hunter2hunter2@host/x",
        "ste_hunter2hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----",
        "PVEAPIToken=ctl@pve!x=hunter2hunter2",
    ],
)
async def test_what_looks_like_a_secret_is_not_kept(database: Database, secret: str):
    _, row = await failed(database, TaskFailedError("No", native=f"refused: {secret} (500)"))
    assert row.detail is not None
    assert "hunter2hunter2" not in row.detail
    assert row.detail.startswith("refused: ")


async def test_a_megabyte_of_nonsense_is_cut_and_made_plain(database: Database):
    _, row = await failed(database, TaskFailedError("No", native="\0\x1b[31mé" * 200_000))
    assert row.detail is not None
    assert len(row.detail) <= 2000
    assert "\0" not in row.detail
    assert "\x1b" not in row.detail


async def test_what_was_retried_with_success_leaves_no_words(database: Database):
    error = TaskFailedError("Not yet", native=SAID)
    error.retryable = True
    _, row = await failed(database, error)
    assert (row.state, row.detail) == ("succeeded", None)


@pytest.fixture
async def yard(platform: Platform) -> Yard:
    return await make_yard(platform)


async def test_only_operators_are_told(yard: Yard):
    platform = yard.platform
    operation_id = (await yard.ask("stop")).json()["operation_id"]
    async with platform.database.write() as uow:
        row = await uow.session.get_one(OperationRow, operation_id)
        row.state, row.error, row.detail = "failed", {"code": "x", "message": "No"}, SAID
    auditor = await platform.person("Audrey", auditor=True)
    told = {}
    for person in (yard.owner, await platform.admin("Root"), auditor):
        async with platform.api(await platform.token(person)) as api:
            path = f"/api/v1/operations/{operation_id}"
            texts = [(await api.get(one)).text for one in (path, f"{path}/log", f"{path}/events")]
            told[person.name] = [SAID in one for one in texts]
            assert SAID not in (await api.get("/api/v1/operations")).text
    nothing = [False] * 3
    assert told == {"Ada": nothing, "Root": [True, False, False], "Audrey": [True, False, False]}
