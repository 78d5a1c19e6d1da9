"""The catalog over HTTP: which apps there are, and what each asks for."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from stead.catalog.form import json_schema
from stead.catalog.loader import Catalog, Package
from stead.core.authz import Action, action
from stead.core.http import ActorDep, provided

router = APIRouter(prefix="/api/v1/catalog", tags=["catalog"])
CatalogDep = Annotated[Catalog, Depends(provided(Catalog))]


class AppOut(BaseModel):
    """One app."""

    id: str
    name: str
    version: str
    summary: str
    category: str
    digest: str


class AppDetailOut(AppOut):
    """One app with what it asks for."""

    description: str
    readme: str
    inputs: dict[str, object]


@router.get("")
@action(Action.CATALOG_READ)
async def list_apps(_actor: ActorDep, catalog: CatalogDep) -> list[AppOut]:
    return [AppOut(**_summary(package)) for package in catalog.packages.values()]


@router.get("/{app}")
@action(Action.CATALOG_READ)
async def get_app(app: str, _actor: ActorDep, catalog: CatalogDep) -> AppDetailOut:
    package = catalog.get(app)
    return AppDetailOut(
        **_summary(package),
        description=package.manifest.description,
        readme=package.readme,
        inputs=json_schema(package.manifest),
    )


def _summary(package: Package) -> dict[str, str]:
    manifest = package.manifest
    return {
        "id": manifest.id,
        "name": manifest.name,
        "version": manifest.version,
        "summary": manifest.summary or manifest.description.splitlines()[0],
        "category": manifest.category,
        "digest": package.digest,
    }
