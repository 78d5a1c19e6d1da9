"""A project with a server on which packages are installed."""

from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from sqlalchemy import update
from tests.factories.agents import KEY
from tests.factories.platform import Platform
from tests.unit.catalog.builders import folder

from stead.catalog.loader import Catalog, load_package
from stead.core.durable import OperationRow
from stead.core.platform_settings.store import Choice, put
from stead.deployments.public import REFUSED_APPS
from stead.fleet.models import InstallationRow
from stead.fleet.tasks import Fleet


@dataclass
class Desk:
    """A project with a server, and the console's way in."""

    platform: Platform
    http: httpx.AsyncClient
    wire: httpx.AsyncClient
    machine: str

    async def join(self, **facts: str) -> None:
        path = f"/api/v1/servers/{self.machine}/token"
        token = (await self.http.post(path)).json()["token"]
        body = {"token": token, "key": KEY, "version": "1", "facts": facts}
        assert (await self.wire.post("/agent/v1/enrol", json=body)).status_code == 200

    async def install(self, app: str, machine: str | None = None) -> httpx.Response:
        path = f"/api/v1/agents/{machine or self.machine}/packages"
        return await self.http.post(path, json={"app": app})

    async def installed(self) -> None:
        """Let everything that was begun have ended well."""
        async with self.platform.database.write() as uow:
            values = {"state": "installed", "installed_at": InstallationRow.created_at}
            await uow.session.execute(update(InstallationRow).values(values))
            await uow.session.execute(update(OperationRow).values(state="succeeded"))

    async def refuse(self, *apps: str) -> None:
        async with self.platform.database.write() as uow:
            await put(uow, REFUSED_APPS, Choice(list(apps), chosen=True), by="Root", expected=0)

    def offer(self, place: Path, name: str, **manifest: object) -> None:
        """Put a package with this in its manifest into the catalog."""
        fleet = self.platform.services.get(Fleet)
        made = load_package(folder(place, name, id=name, **manifest))
        known = Catalog({**fleet.catalog.packages, name: made})
        self.platform.services.add(replace(fleet, catalog=known))
