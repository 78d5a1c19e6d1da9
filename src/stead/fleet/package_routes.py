"""Packages on machines over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.deployments.public import RevealedOut
from stead.fleet import installs, outputs
from stead.fleet.schemas import BeganOut, InstallationDetailOut, InstallationOut, PackageIn
from stead.fleet.tasks import Fleet

router = APIRouter(prefix="/agents/{machine_id}/packages")
Packages = Annotated[
    Page, Depends(paged(InstallationOut, sorts=("app", "created_at"), filters=("app", "state")))
]
FleetDep = Annotated[Fleet, Depends(provided(Fleet))]


async def _place(machine_id: str, app: str) -> tuple[str, str]:
    return machine_id, app


@router.get("")
@action(Action.AGENT_READ)
async def list_packages(
    machine_id: str, actor: ActorDep, database: DatabaseDep, page: Packages
) -> list[InstallationOut]:
    """List the packages on a machine, those of its deployment too."""
    async with database.read() as uow:
        return page.of(await installs.list_(uow, actor, machine_id))


@router.post("", status_code=202)
@action(Action.JOB_RUN)
async def install_package(
    machine_id: str,
    body: PackageIn,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    fleet: FleetDep,
) -> BeganOut:
    """Install a package on a machine that is there already; again changes its inputs."""
    async with database.write() as uow:
        began = await installs.install(uow, actor, fleet, machine_id, body)
    return _located(response, began)


@router.get("/{app}")
@action(Action.AGENT_READ)
async def get_package_on(
    machine_id: str, app: str, actor: ActorDep, database: DatabaseDep, fleet: FleetDep
) -> InstallationDetailOut:
    """Describe a package on a machine: its inputs, and what it gives back without secrets."""
    async with database.read() as uow:
        return await outputs.get_(uow, actor, fleet.vault, machine_id, app)


@router.post("/{app}/reveal")
@action(Action.DEPLOYMENT_REVEAL)
async def reveal_package(
    machine_id: str,
    app: str,
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    fleet: FleetDep,
) -> list[RevealedOut]:
    """Return what a package gives back with its secrets."""
    response.headers["Cache-Control"] = "no-store"
    async with database.read() as uow:
        found = await outputs.reveal(uow, actor, fleet.vault, machine_id, app)
    return [RevealedOut(**one.model_dump()) for one in found]


@router.delete("/{app}", status_code=202)
@action(Action.JOB_RUN)
async def uninstall_package(
    place: Annotated[tuple[str, str], Depends(_place)],
    response: Response,
    actor: ActorDep,
    database: DatabaseDep,
    fleet: FleetDep,
    *,
    forget: Annotated[
        bool, Query(description="only forget a package that has no removal of its own")
    ] = False,
) -> BeganOut:
    """Run a package's own removal and forget it."""
    async with database.write() as uow:
        began = await installs.uninstall(uow, actor, fleet, place, forget=forget)
    return _located(response, began)


def _located(response: Response, began: BeganOut) -> BeganOut:
    response.headers["Location"] = f"/api/v1/operations/{began.operation_id}"
    return began
