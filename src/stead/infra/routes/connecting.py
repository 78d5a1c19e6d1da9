"""Connecting clusters over HTTP: what engines ask for, certificates, tests."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from stead.core.answers import only_asks
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged
from stead.infra import changing, clusters, connecting, nodes
from stead.infra.connecting import Connecting
from stead.infra.schemas import (
    CertificateIn,
    ClusterOut,
    ConnectedOut,
    CredentialsIn,
    EngineOut,
    NewClusterIn,
    NodeIn,
    ProbeIn,
    ProbeOut,
    TestOut,
)

router = APIRouter(prefix="/clusters")
ConnectingDep = Annotated[Connecting, Depends(provided(Connecting))]


Engines = Annotated[
    Page, Depends(paged(EngineOut, sorts=("engine", "title"), filters=("engine",), key="engine"))
]


@router.get("/engines")
@action(Action.PLATFORM_READ)
async def list_engines(actor: ActorDep, page: Engines) -> list[EngineOut]:
    """List the engines whose clusters can be connected, and what each asks for."""
    return page.of(connecting.engines(actor))


@router.post("/probe")
@action(Action.PLATFORM_MANAGE)
@only_asks("looks at an address from here, and keeps nothing")
async def probe(body: ProbeIn, actor: ActorDep) -> ProbeOut:
    """Look at the certificate that an address shows. No credentials are sent there."""
    return await connecting.probe(actor, body.engine, body.options)


@router.post("", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def connect_cluster(
    body: NewClusterIn, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> ConnectedOut:
    """Connect a cluster, to be looked at only; its first test is the operation."""
    async with database.write() as uow:
        return await connecting.connect(uow, actor, tools, body)


@router.post("/{cluster_id}/probe")
@action(Action.PLATFORM_MANAGE)
@only_asks("looks at an address from here, and keeps nothing")
async def probe_cluster(cluster_id: str, actor: ActorDep, database: DatabaseDep) -> ProbeOut:
    """Look at the certificate that a cluster shows now, beside the one that is trusted."""
    async with database.read() as uow:
        engine, options, trusted = await connecting.target(uow, actor, cluster_id)
    found = await connecting.probe(actor, engine, options)
    return found.model_copy(update={"trusted": trusted})


@router.post("/{cluster_id}/certificate")
@action(Action.PLATFORM_MANAGE)
async def confirm_certificate(
    cluster_id: str, body: CertificateIn, actor: ActorDep, database: DatabaseDep
) -> ClusterOut:
    """Trust the certificate with this fingerprint from now on."""
    async with database.write() as uow:
        row = await connecting.confirm(uow, actor, cluster_id, body.fingerprint)
        return await clusters.describe(uow, row)


@router.post("/{cluster_id}/check", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def check_cluster(
    cluster_id: str, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> TestOut:
    """Test a cluster: reach, certificate, credentials, version, each privilege, and more."""
    async with database.write() as uow:
        return TestOut(operation_id=await connecting.check(uow, actor, tools, cluster_id))


@router.post("/{cluster_id}/credentials", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def rotate_credentials(
    cluster_id: str,
    body: CredentialsIn,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ConnectingDep,
) -> TestOut:
    """Replace credentials; the old ones are used until the new ones were found to work."""
    async with database.write() as uow:
        found = await changing.rotate(uow, actor, tools, cluster_id, body.options)
        return TestOut(operation_id=found)


@router.post("/{cluster_id}/takeover", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def take_over(
    cluster_id: str, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> TestOut:
    """Let Stead manage guests of its own there, after a test of everything that takes."""
    async with database.write() as uow:
        return TestOut(operation_id=await changing.take_over(uow, actor, tools, cluster_id))


@router.post("/{cluster_id}/evacuate", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def evacuate_node(
    cluster_id: str, body: NodeIn, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> TestOut:
    """Move every guest off a node and put nothing new there, for work on it."""
    async with database.write() as uow:
        found = await nodes.evacuate(uow, actor, tools, cluster_id, body.node)
        return TestOut(operation_id=found)


@router.post("/{cluster_id}/restore", status_code=202)
@action(Action.PLATFORM_MANAGE)
async def restore_node(
    cluster_id: str, body: NodeIn, actor: ActorDep, database: DatabaseDep, tools: ConnectingDep
) -> TestOut:
    """Let a node take guests again, and bring back those that had to leave it."""
    async with database.write() as uow:
        found = await nodes.restore(uow, actor, tools, cluster_id, body.node)
        return TestOut(operation_id=found)


@router.delete("/{cluster_id}", status_code=204)
@action(Action.PLATFORM_MANAGE)
async def disconnect_cluster(
    cluster_id: str,
    actor: ActorDep,
    database: DatabaseDep,
    tools: ConnectingDep,
    forget: Annotated[bool, Query()] = False,
) -> None:
    """Drop a cluster's record and credentials. Its guests, ours too, run on there."""
    async with database.write() as uow:
        await changing.disconnect(uow, actor, tools.vault, cluster_id, forget=forget)
