"""The fleet over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.settings import Settings
from stead.core.vault import Vault
from stead.fleet import servers, service
from stead.fleet.schemas import EnrolmentOut, MachineOut, ServerIn

router = APIRouter(prefix="/api/v1", tags=["fleet"])
SettingsDep = Annotated[Settings, Depends(provided(Settings))]
VaultDep = Annotated[Vault, Depends(provided(Vault))]


@router.get("/agents")
@action(Action.AGENT_READ)
async def list_agents(
    actor: ActorDep,
    database: DatabaseDep,
    project: Annotated[str | None, Query(max_length=40)] = None,
) -> list[MachineOut]:
    """List instances and servers with their agents: version, last seen, load, running job."""
    async with database.read() as uow:
        return await service.list_(uow, actor, project)


@router.get("/agents/{machine_id}")
@action(Action.AGENT_READ)
async def get_agent(machine_id: str, actor: ActorDep, database: DatabaseDep) -> MachineOut:
    """Describe one of them, by the id of its instance or server."""
    async with database.read() as uow:
        return await service.get_(uow, actor, machine_id)


@router.post("/servers", status_code=201)
@action(Action.SERVER_MANAGE)
async def add_server(
    body: ServerIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> EnrolmentOut:
    """Expect a server; the answer says how it joins and holds a one-time token."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        return await servers.add(uow, actor, settings, body)


@router.post("/servers/{server_id}/token")
@action(Action.SERVER_MANAGE)
async def renew_token(
    server_id: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    settings: SettingsDep,
) -> EnrolmentOut:
    """Make a new one-time token, so that a server can join again."""
    response.headers["Cache-Control"] = "no-store"
    async with database.write() as uow:
        return await servers.renew(uow, actor, settings, server_id)


@router.delete("/servers/{server_id}", status_code=204)
@action(Action.SERVER_MANAGE)
async def remove_server(
    server_id: str, actor: ActorDep, database: DatabaseDep, vault: VaultDep
) -> None:
    """Forget a server and refuse its agent. What runs on the machine goes on."""
    async with database.write() as uow:
        await servers.remove(uow, actor, vault, server_id)
