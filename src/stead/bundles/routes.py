"""Bundles over HTTP: those of the catalog, and those in use."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from stead.bundles import service, views
from stead.bundles.schemas import BundleBegunOut, BundleIn, BundleOut, OfferedOut
from stead.bundles.service import BundleWorks
from stead.catalog.public import Bundles, bundle_schema
from stead.core.authz import Action, action
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.paging import Page, paged

router = APIRouter(prefix="/api/v1", tags=["bundles"])
Listed = Annotated[
    Page,
    Depends(
        paged(
            BundleOut,
            sorts=("name", "created_at"),
            filters=("name", "bundle", "project_id", "state"),
        )
    ),
]
Offered = Annotated[Page, Depends(paged(OfferedOut, sorts=("name", "id")))]
WorksDep = Annotated[BundleWorks, Depends(provided(BundleWorks))]
BundlesDep = Annotated[Bundles, Depends(provided(Bundles))]


@router.get("/bundle-catalog")
@action(Action.CATALOG_READ)
async def list_offered(_actor: ActorDep, known: BundlesDep, page: Offered) -> list[OfferedOut]:
    """List the bundles of the catalog."""
    return page.of([views.offered(one) for one in known.known.values()])


@router.get("/bundle-catalog/schema")
@action(Action.CATALOG_READ)
async def get_bundle_schema(_actor: ActorDep) -> dict[str, object]:
    """Return the JSON Schema of ``bundle.yml``."""
    return bundle_schema()


@router.get("/bundle-catalog/{bundle}")
@action(Action.CATALOG_READ)
async def get_offered(bundle: str, _actor: ActorDep, known: BundlesDep) -> OfferedOut:
    """Show a bundle of the catalog with what its members ask for."""
    return views.offered(known.get(bundle))


@router.get("/bundles")
@action(Action.DEPLOYMENT_READ)
async def list_bundles(actor: ActorDep, database: DatabaseDep, page: Listed) -> list[BundleOut]:
    """List the bundles in use."""
    async with database.read() as uow:
        return page.of(await service.list_(uow, actor))


@router.post("/bundles", status_code=202)
@action(Action.DEPLOYMENT_CREATE)
async def create_bundle(
    body: BundleIn, response: Response, actor: ActorDep, database: DatabaseDep, works: WorksDep
) -> BundleBegunOut:
    """Deploy a bundle's members, wired to each other; follow it at ``Location``."""
    async with database.write() as uow:
        begun = await service.create(uow, actor, works, body)
    response.headers["Location"] = f"/api/v1/operations/{begun.operation_id}"
    return begun


@router.get("/bundles/{bundle_id}")
@action(Action.DEPLOYMENT_READ)
async def get_bundle(bundle_id: str, actor: ActorDep, database: DatabaseDep) -> BundleOut:
    async with database.read() as uow:
        return await service.get_(uow, actor, bundle_id)


@router.delete("/bundles/{bundle_id}", status_code=202)
@action(Action.DEPLOYMENT_REMOVE)
async def remove_bundle(
    bundle_id: str, response: Response, actor: ActorDep, database: DatabaseDep, works: WorksDep
) -> BundleBegunOut:
    """Take all members away again, the last one first; follow it at ``Location``."""
    async with database.write() as uow:
        begun = await service.remove(uow, actor, works, bundle_id)
    response.headers["Location"] = f"/api/v1/operations/{begun.operation_id}"
    return begun
