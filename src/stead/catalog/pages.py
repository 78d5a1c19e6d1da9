"""Pages of the catalog: the apps to choose from, and their icons.

Deploying one is a page of deployments.
"""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from stead.catalog.loader import Catalog, Package
from stead.core.authz import Action, NotFoundError, action
from stead.core.http import ActorDep, provided
from stead.ui.console import Console
from stead.ui.headers import PICTURE_CSP

TEMPLATES: Final = Path(__file__).parent / "templates"
ICON_COLOUR: Final = "#5b78ef"
router = APIRouter(prefix="/catalog")
CatalogDep = Annotated[Catalog, Depends(provided(Catalog))]
ConsoleDep = Annotated[Console, Depends(provided(Console))]


@router.get("")
@action(Action.CATALOG_READ)
async def show_catalog(
    request: Request, actor: ActorDep, console: ConsoleDep, catalog: CatalogDep
) -> Response:
    apps = sorted(catalog.packages.values(), key=lambda package: package.manifest.name.lower())
    return console.page(
        request,
        "catalog/list.html",
        viewer=actor,
        apps=[(package.manifest, summary(package), package.icon is not None) for package in apps],
        broken=catalog.broken if actor.admin else (),
    )


@router.get("/{app}/icon.svg")
@action(Action.CATALOG_READ)
async def get_icon(app: str, _actor: ActorDep, catalog: CatalogDep) -> Response:
    """Serve a package's drawing as a picture that can do nothing, even when opened by itself."""
    icon = catalog.get(app).icon
    if icon is None:
        raise NotFoundError("This app has no icon")
    return Response(
        icon.replace("currentColor", ICON_COLOUR),
        media_type="image/svg+xml",
        headers={"Content-Security-Policy": PICTURE_CSP, "Cache-Control": "private, max-age=300"},
    )


def summary(package: Package) -> str:
    """Return one line about an app."""
    manifest = package.manifest
    return manifest.summary or manifest.description.partition("\n")[0]
