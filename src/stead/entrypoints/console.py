"""Pages about the console itself: static files, the CA certificate, the about page."""

import hashlib
import ssl
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse

from stead import __version__
from stead.core.authz import Action, NotFoundError, action, public
from stead.core.http import ActorDep, DatabaseDep, provided
from stead.core.settings import Settings
from stead.exposure import public as exposure
from stead.ui.assets import CACHE_FOREVER
from stead.ui.console import Console

TEMPLATES: Final = Path(__file__).parent / "templates"
router = APIRouter()
ConsoleDep = Annotated[Console, Depends(provided(Console))]
SettingsDep = Annotated[Settings, Depends(provided(Settings))]


@router.get("/static/{build}/{name}")
@public("style sheets and scripts hold nothing secret")
async def get_static(build: str, name: str, console: ConsoleDep) -> Response:
    asset = console.assets.find(build, name)
    if asset is None:
        raise NotFoundError("There is no such file in this version")
    return Response(
        asset.content, media_type=asset.media_type, headers={"Cache-Control": CACHE_FOREVER}
    )


@router.get("/ca.pem")
@public("a certificate is public; browsers need it before anybody can sign in safely")
async def get_ca(settings: SettingsDep) -> FileResponse:
    return FileResponse(
        _ca(settings), media_type="application/x-pem-file", filename="stead-ca.pem"
    )


@router.get("/about")
@action(Action.ABOUT_READ)
async def show_about(
    request: Request,
    actor: ActorDep,
    console: ConsoleDep,
    settings: SettingsDep,
    database: DatabaseDep,
) -> Response:
    async with database.read() as uow:
        below = await exposure.apps_domain(uow, settings.server.domain)
    return console.page(
        request,
        "console/about.html",
        viewer=actor,
        version=__version__,
        console_url=settings.server.console_url,
        apps_domain=below,
        fingerprint=_fingerprint(_ca(settings)),
    )


def _ca(settings: Settings) -> Path:
    return settings.server.data_dir / "ca.pem"


def _fingerprint(path: Path) -> str:
    """Return the certificate's SHA-256 the way browsers and openssl show it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).digest()
    return digest.hex(":").upper()
