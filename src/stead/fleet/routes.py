"""The fleet over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from stead.agents.public import JobsWanted
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.core.settings import Settings
from stead.core.vault import Vault
from stead.fleet import bulk, figures, package_routes, servers, service, tasks
from stead.fleet.schemas import (
    BeganOut,
    BulkDetailOut,
    BulkIn,
    BulkOut,
    CommandOut,
    EnrolmentOut,
    FiguresOut,
    FileIn,
    JobOut,
    LimitsIn,
    MachineOut,
    ServerIn,
    TaskIn,
)
from stead.fleet.tasks import Fleet

router = APIRouter(prefix="/api/v1", tags=["fleet"])
router.include_router(package_routes.router)
Machines = Annotated[
    Page,
    Depends(
        paged(
            MachineOut,
            sorts=("name", "seen_at", "load"),
            filters=("name", "kind", "health", "project_id"),
        )
    ),
]
Jobs = Annotated[
    Page,
    Depends(
        paged(
            JobOut,
            sorts=("created_at",),
            default="-created_at",
            filters=("state", "outcome", "kind", "app"),
        )
    ),
]
Commands = Annotated[Page, Depends(paged(CommandOut, sorts=("name",), key="name"))]
Bulks = Annotated[
    Page,
    Depends(
        paged(
            BulkOut,
            sorts=("created_at", "title"),
            default="-created_at",
            filters=("project_id", "state"),
        )
    ),
]
SettingsDep = Annotated[Settings, Depends(provided(Settings))]
FleetDep = Annotated[Fleet, Depends(provided(Fleet))]
VaultDep = Annotated[Vault, Depends(provided(Vault))]


@router.get("/agents")
@action(Action.AGENT_READ)
async def list_agents(actor: ActorDep, database: DatabaseDep, page: Machines) -> list[MachineOut]:
    """List instances and servers with their agents: version, last seen, load, running job."""
    async with database.read() as uow:
        return page.of(await service.list_(uow, actor))


@router.get("/agents/{machine_id}")
@action(Action.AGENT_READ)
async def get_agent(machine_id: str, actor: ActorDep, database: DatabaseDep) -> MachineOut:
    """Describe one of them, by the id of its instance or server."""
    async with database.read() as uow:
        return await service.get_(uow, actor, machine_id)


@router.patch("/agents/{machine_id}/limits")
@action(Action.JOB_ADMINISTER)
async def set_limits(
    machine_id: str, body: LimitsIn, actor: ActorDep, database: DatabaseDep
) -> MachineOut:
    """Say how many jobs its agent runs at once: those that change it, and those that look."""
    async with database.write() as uow:
        return await service.set_limits(uow, actor, machine_id, body)


@router.post("/agents/{machine_id}/jobs", status_code=202)
@action(Action.JOB_RUN)
async def start_job(
    machine_id: str,
    body: TaskIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    fleet: FleetDep,
) -> BeganOut:
    """Have the agent do a job; its output is in the operation at ``Location``."""
    async with database.write() as uow:
        began = await tasks.start(uow, actor, fleet, machine_id, body)
    return _located(response, began)


@router.post("/agents/{machine_id}/files", status_code=202)
@action(Action.JOB_ADMINISTER)
async def push_file(
    machine_id: str,
    body: FileIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    fleet: FleetDep,
) -> BeganOut:
    """Put a file on a machine, whole or not at all, with its owner and mode."""
    async with database.write() as uow:
        began = await tasks.start(uow, actor, fleet, machine_id, body.task())
    return _located(response, began)


@router.get("/jobs")
@action(Action.AGENT_READ)
async def list_jobs(
    actor: ActorDep,
    database: DatabaseDep,
    page: Jobs,
    machine: Annotated[str | None, Query(max_length=40)] = None,
    user: Annotated[str | None, Query(max_length=80)] = None,
) -> list[JobOut]:
    """List jobs on all machines, or of one (by name or id), of an app or a person."""
    state, outcome = page.filters.get("state"), page.filters.get("outcome")
    wanted = JobsWanted(
        # One more tells whether there is another page.
        page.limit + 1,
        user=user,
        app=page.filters.get("app"),
        kind=page.filters.get("kind"),
        states=(state,) if state is not None else (),
        outcomes=(outcome,) if outcome is not None else (),
        place=page.key_after() or "",
        descending=page.descending,
    )
    async with database.read() as uow:
        return page.cut(await service.list_jobs(uow, actor, machine, wanted))


@router.get("/figures")
@action(Action.PLATFORM_READ)
async def get_figures(_actor: ActorDep, database: DatabaseDep) -> FiguresOut:
    """Tell how agents' work goes: success and time by app, failures by class, what waits."""
    async with database.read() as uow:
        return await figures.tell(uow)


@router.get("/commands")
@action(Action.AGENT_READ)
async def list_commands(_actor: ActorDep, page: Commands) -> list[CommandOut]:
    """List the commands that may be run on machines, with what they ask for."""
    return page.of(tasks.list_commands())


@router.get("/bulk")
@action(Action.AGENT_READ)
async def list_bulk(actor: ActorDep, database: DatabaseDep, page: Bulks) -> list[BulkOut]:
    """List the latest work on many machines."""
    async with database.read() as uow:
        return page.of(await bulk.list_(uow, actor))


@router.post("/bulk", status_code=202)
@action(Action.JOB_RUN)
async def start_bulk(
    body: BulkIn, response: Response, actor: ActorDep, database: DatabaseDep, fleet: FleetDep
) -> BulkOut:
    """Do a job or install a package on many machines: canaries first, then some at once."""
    async with database.write() as uow:
        made = await bulk.start(uow, actor, fleet, body)
    response.headers["Location"] = f"/api/v1/operations/{made.operation_id}"
    return made


@router.get("/bulk/{bulk_id}")
@action(Action.AGENT_READ)
async def get_bulk(bulk_id: str, actor: ActorDep, database: DatabaseDep) -> BulkDetailOut:
    """Describe work on many machines, with how each of them stands."""
    async with database.read() as uow:
        return await bulk.get_(uow, actor, bulk_id)


@router.post("/bulk/{bulk_id}/retry", status_code=202)
@action(Action.JOB_RUN)
async def retry_bulk(
    bulk_id: str, response: Response, actor: ActorDep, database: DatabaseDep, fleet: FleetDep
) -> BulkOut:
    """Begin anew with the machines that are not done."""
    async with database.write() as uow:
        made = await bulk.retry(uow, actor, fleet, bulk_id)
    response.headers["Location"] = f"/api/v1/operations/{made.operation_id}"
    return made


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


def _located(response: Response, began: BeganOut) -> BeganOut:
    response.headers["Location"] = f"/api/v1/operations/{began.operation_id}"
    return began
