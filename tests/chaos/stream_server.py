"""Serves operations over HTTP, and writes to one from several sides, until killed."""

import asyncio
import random
import sys

import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select, update
from starlette.types import ASGIApp, Receive, Scope, Send

from stead.core import durable, notices
from stead.core.authz import Actor, Role
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.durable import EventRow, OperationRow, State
from stead.core.http import Provided
from stead.operations import routes
from stead.operations.recovery import Recoveries
from stead.operations.service import Plans

EVENTS = 400
WRITERS = 5


class SignedIn:
    """Lets everybody be the same person."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        scope["state"] = {"actor": Actor("u", "Ada", projects={"p": Role.OWNER})}
        await self._app(scope, receive, send)


async def write(database: Database, operation_id: str, writer: int) -> None:
    """Add events in transactions that last a while, until there are enough."""
    number = 0
    while True:
        number += 1
        async with database.write() as uow:
            state = await uow.session.scalar(select(OperationRow.state).with_for_update())
            if State(str(state)).ended:
                return  # Nothing is told of an operation after its end.
            fact = {"writer": writer, "number": number}
            await durable.append_event(uow, operation_id, "log", fact)
            await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311  (commits overtake)
            count = await uow.session.scalar(select(func.count()).select_from(EventRow)) or 0
            if count >= EVENTS:
                await uow.session.execute(update(OperationRow).values(state=State.SUCCEEDED))
        if count >= EVENTS:
            return


async def main() -> None:
    """Serve and write until killed."""
    url, port, operation_id = sys.argv[1:]
    database = Database(url, Bus())
    provided = Provided()
    for service in (database, Plans({}), Recoveries({})):
        provided.add(service)
    app = FastAPI()
    app.state.provided = provided
    app.include_router(routes.router)
    config = uvicorn.Config(SignedIn(app), port=int(port), lifespan="off", log_level="warning")
    async with asyncio.TaskGroup() as group:
        if not database.sqlite:
            group.create_task(notices.listen(url, database.bus))
        group.create_task(uvicorn.Server(config).serve())
        for writer in range(WRITERS):
            group.create_task(write(database, operation_id, writer))


if __name__ == "__main__":
    asyncio.run(main())
