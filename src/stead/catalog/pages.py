"""Pages of the catalog: the apps to choose from, one of them in full, and their icons.

Deploying one is a page of deployments.
"""

from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from stead.catalog import views
from stead.catalog.loader import Catalog, reach
from stead.catalog.readme import to_html
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
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    catalog: CatalogDep,
    category: str = "",
) -> Response:
    offered = catalog.offered(reach(actor))
    categories = sorted({package.manifest.category for package in offered.values()})
    chosen = category if category in categories else ""
    return console.page(
        request,
        "catalog/list.html",
        viewer=actor,
        apps=views.cards(views.found(offered, category=chosen)),
        categories=categories,
        chosen=chosen,
        broken=[one for one in catalog.broken if one.origin is None],
        explain=actor.oversees,
    )


@router.get("/{app}/about")
@action(Action.CATALOG_READ)
async def show_app(
    app: str, request: Request, actor: ActorDep, console: ConsoleDep, catalog: CatalogDep
) -> Response:
    package = catalog.get(app, reach(actor))
    return console.page(
        request,
        "catalog/app.html",
        viewer=actor,
        app=package.manifest,
        card=views.card(package),
        record=package.record,
        unproven=package.unproven,
        digest=package.digest,
        origin=package.origin,
        exposed=views.exposed(package.manifest),
        systems=views.systems(package.manifest),
        readme=to_html(package.readme),
    )


@router.get("/{app}/icon.svg")
@action(Action.CATALOG_READ)
async def get_icon(app: str, actor: ActorDep, catalog: CatalogDep) -> Response:
    """Serve a package's drawing as a picture that can do nothing, even when opened by itself."""
    icon = catalog.get(app, reach(actor)).icon
    if icon is None:
        raise NotFoundError("This app has no icon")
    return Response(
        icon.replace("currentColor", ICON_COLOUR),
        media_type="image/svg+xml",
        headers={"Content-Security-Policy": PICTURE_CSP, "Cache-Control": "private, max-age=300"},
    )
