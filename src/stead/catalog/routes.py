"""The catalog over HTTP: which apps there are, what each asks for, how packages are written."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from stead.catalog import views
from stead.catalog.form import json_schema
from stead.catalog.loader import Catalog, Package, reach
from stead.catalog.schemas import Dependency, manifest_schema
from stead.core.authz import Action, action
from stead.core.http import ActorDep, provided
from stead.core.paging import Page, paged

router = APIRouter(prefix="/api/v1/catalog", tags=["catalog"])
CatalogDep = Annotated[Catalog, Depends(provided(Catalog))]
Words = Annotated[str, Query(max_length=200)]


class TestedOut(BaseModel):
    """When these very scripts passed their proof, and how long it took."""

    date: str
    system: str
    install_seconds: float


class AppOut(BaseModel):
    """One app."""

    id: str
    name: str
    version: str
    summary: str
    category: str
    tags: list[str]
    digest: str
    source: str | None
    tested: TestedOut | None
    unproven: str | None


class ServiceOut(BaseModel):
    """Something that listens once the app is installed."""

    name: str
    how: str
    public: bool


class AppDetailOut(AppOut):
    """One app with what it asks for, needs, opens and keeps."""

    description: str
    readme: str
    inputs: dict[str, object]
    systems: str
    min_cores: int
    min_ram_mb: int
    min_disk_mb: int
    services: list[ServiceOut]
    data: list[str]
    nesting: bool
    dependencies: list[Dependency]
    conflicts: list[Dependency]


class BrokenOut(BaseModel):
    """A folder that is no usable package; only administrators are told what is wrong."""

    folder: str
    problems: list[str]


Apps = Annotated[Page, Depends(paged(AppOut, sorts=("name", "id")))]
Broken = Annotated[Page, Depends(paged(BrokenOut, sorts=("folder",), key="folder"))]


@router.get("")
@action(Action.CATALOG_READ)
async def list_apps(
    actor: ActorDep,
    catalog: CatalogDep,
    page: Apps,
    q: Words = "",
    category: Words = "",
    tag: Words = "",
) -> list[AppOut]:
    found = views.found(catalog.offered(reach(actor)), q, category, tag)
    return page.of([AppOut.model_validate(_summary(package)) for package in found])


@router.get("/schema")
@action(Action.CATALOG_READ)
async def get_schema(_actor: ActorDep) -> dict[str, object]:
    return manifest_schema()


@router.get("/broken")
@action(Action.CATALOG_READ)
async def list_broken(actor: ActorDep, catalog: CatalogDep, page: Broken) -> list[BrokenOut]:
    return page.of(
        [
            BrokenOut(
                folder=one.folder.name,
                problems=[str(p) for p in one.problems] if actor.admin else [],
            )
            for one in catalog.broken
            if actor.oversees or one.origin is None
        ]
    )


@router.get("/{app}")
@action(Action.CATALOG_READ)
async def get_app(app: str, actor: ActorDep, catalog: CatalogDep) -> AppDetailOut:
    package = catalog.get(app, reach(actor))
    manifest = package.manifest
    needs = manifest.resource_requirements
    return AppDetailOut.model_validate(
        {
            **_summary(package),
            "description": manifest.description,
            "readme": package.readme,
            "inputs": json_schema(manifest),
            "systems": views.systems(manifest),
            "min_cores": needs.min_cores,
            "min_ram_mb": needs.min_ram_mb,
            "min_disk_mb": needs.min_disk_mb,
            "services": [
                {"name": one.name, "how": one.how, "public": one.public}
                for one in views.exposed(manifest)
            ],
            "data": manifest.data,
            "nesting": manifest.nesting,
            "dependencies": manifest.dependencies,
            "conflicts": manifest.conflicts,
        }
    )


def _summary(package: Package) -> dict[str, object]:
    manifest, record = package.manifest, package.tested
    tested = record and {
        "date": record.date,
        "system": record.system,
        "install_seconds": record.seconds.get("install", 0.0),
    }
    return {
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "summary": views.summary(package),
        "category": manifest.category,
        "tags": manifest.tags,
        "digest": package.digest,
        "source": package.origin.name if package.origin else None,
        "tested": tested,
        "unproven": package.unproven,
    }
