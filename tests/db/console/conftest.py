"""The console without engine, edge and sockets: the real application on a fresh database."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
from tests.factories import applications
from tests.factories.platform import QUICK, built_in, built_in_bundles

from stead.audit import public as audit
from stead.bundles import plans as bundle_plans
from stead.catalog.public import BUILT_IN
from stead.core import pki, vault
from stead.core.blobs import Blobs
from stead.core.db import Database
from stead.core.durable import Plan, Step, StepContext
from stead.core.http import Provided
from stead.core.settings import ServerSettings, Settings
from stead.deployments import resize_flows, snapshot_flows
from stead.deployments.public import Deployments
from stead.fleet import plans as fleets
from stead.identity import public as identity
from stead.identity.passwords import Passwords
from stead.infra import public as infra
from stead.operations.service import Plans
from stead.sources.public import Sources

ORIGIN = "https://console.stead.localhost"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def _nothing(_context: StepContext) -> None:
    return None


@dataclass
class Site:
    """The console as a browser sees it, and the database behind it."""

    database: Database
    services: Provided
    browser: httpx.AsyncClient
    admin_id: str = ""

    async def sign_in(self) -> None:
        """Redeem a link as a browser does."""
        path = await self.link()
        answer = await self.browser.post(path, data={"csrf": ""}, headers={"Origin": ORIGIN})
        assert answer.status_code == 303, answer.text

    async def link(self) -> str:
        """Return the path of a fresh sign-in link."""
        async with self.database.write() as uow:
            return "/sign-in/" + await identity.issue_link(uow, self.admin_id)

    async def csrf(self) -> str:
        """Return the token that this session's forms carry."""
        page = await self.browser.get("/tokens")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None, page.text
        return found[1]

    async def send(self, path: str, fields: Mapping[str, str] | None = None) -> httpx.Response:
        """Send a form from one of our own pages."""
        data = {"csrf": await self.csrf(), **(fields or {})}
        return await self.browser.post(path, data=data, headers={"Origin": ORIGIN})


@pytest.fixture
async def site(database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    """Return the console, nobody signed in."""
    server = ServerSettings(data_dir=tmp_path, agent_address=IPv4Address("192.0.2.1"))
    settings = Settings(server=server)
    pki.ensure_root(tmp_path, settings.server.domain, settings.network.range)
    vault.ensure_key(tmp_path / "vault.key")
    safe = vault.open_vault(tmp_path / "vault.key")
    packages = built_in()
    steps = (Step("reserve", "Reserve name, address and route", _nothing),)
    services = Provided()
    services.add(Plans.of([]))
    heads = audit.Heads(tmp_path / "audit.heads")
    audit.attach(database, heads)
    doors = identity.local_doors(database, safe, Passwords(QUICK))
    for service in (database, safe, packages, settings, heads, doors):
        services.add(service)
    services.add(
        Deployments(
            catalog=packages,
            vault=safe,
            within=IPv4Network("10.90.0.0/16"),
            domain=settings.server.domain,
            https_port=443,
            tcp_ports=range(20000, 20100),
            deploy_plan=Plan("deployment.deploy", 1, steps),
            cluster_plan=Plan("deployment.place", 1, steps),
            remove_plan=Plan("deployment.remove", 1, steps, cancellable=False),
        )
    )
    services.add(resize_flows.assemble(Mock()))
    services.add(snapshot_flows.assemble(Mock()))
    services.add(fleets.assemble(database, safe, packages))
    services.add(Sources(packages, safe, Plan("source.refresh", 1, steps), (BUILT_IN,)))
    services.add(Blobs(tmp_path / "blobs"))
    bundles = built_in_bundles()
    services.add(bundles)
    deploying = services.get(Deployments)
    services.add(bundle_plans.assemble(database, safe, bundles, deploying))
    async with database.write() as uow:
        admin_id = await identity.ensure_admin(uow, "admin", "main")
        await infra.ensure_local_cluster(uow, "incus")
    app = httpx.ASGITransport(applications.lend(services))
    async with httpx.AsyncClient(transport=app, base_url=ORIGIN, headers=BROWSER) as browser:
        yield Site(database, services, browser, admin_id)
    applications.give_back(services)


@pytest.fixture
async def inside(site: Site) -> Site:
    """Return the console, signed in."""
    await site.sign_in()
    return site
