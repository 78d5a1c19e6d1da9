"""A whole control plane without engine, edge, worker and sockets, and people in it."""

import hashlib
from dataclasses import dataclass, replace
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from unittest.mock import Mock

import httpx
from argon2 import PasswordHasher
from sqlalchemy import update
from starlette.types import ASGIApp
from tests.factories import applications

from stead.audit import public as audit
from stead.bundles import plans as bundle_plans
from stead.catalog import public as catalog
from stead.core import pki, vault
from stead.core.authz import Actor, Role
from stead.core.blobs import Blobs
from stead.core.db import Database, Uow
from stead.core.durable import OperationRow
from stead.core.http import Provided
from stead.core.settings import ServerSettings, Settings
from stead.core.vault import Vault
from stead.deployments import (
    adoption,
    change_flows,
    elsewhere,
    resize_flows,
    snapshot_flows,
    workflows,
)
from stead.deployments.adoption import Adoption
from stead.deployments.public import Deployments, list_uses
from stead.entrypoints.api import agent_app
from stead.fleet import plans as fleets
from stead.fleet.public import list_uses as list_installed
from stead.identity import public as identity
from stead.identity.models import ApiTokenRow, MembershipRow, ProjectRow, UserRow
from stead.identity.passwords import Passwords
from stead.identity.projects import ensure_organisation
from stead.infra import handover, public as infra
from stead.infra.fleet import Fleet
from stead.instances.warm import Filling
from stead.instances.workflows import fill_plan
from stead.kit import clock, ids
from stead.operations.public import Plans
from stead.platform.public import Platform as PlatformPlans
from stead.platform.workflows import look_plan
from stead.sources.public import Sources
from stead.sources.workflows import refresh_plan as source_plan
from stead.webhooks import public as webhooks

ORIGIN = "https://console.stead.localhost"
# As strong as a test needs: the real parameters take 0.1 s and 64 MB each time.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
RANGE = IPv4Network("10.90.0.0/16")


@dataclass
class Platform:
    """The parts that tests talk to."""

    database: Database
    services: Provided
    deployments: Deployments
    vault: Vault
    blobs: Blobs

    @cached_property
    def control(self) -> ASGIApp:
        """Return console and API."""
        return applications.lend(self.services)

    @cached_property
    def agents(self) -> ASGIApp:
        """Return the agents' listener."""
        return agent_app(self.services)

    async def project(self, name: str) -> str:
        """Create a project and return its id."""
        async with self.database.write() as uow:
            holder = await ensure_organisation(uow)
            row = ProjectRow(
                id=ids.new_id(), name=name, organisation_id=holder, created_at=clock.utc_now()
            )
            uow.session.add(row)
            return row.id

    async def person(
        self,
        name: str,
        *,
        admin: bool = False,
        auditor: bool = False,
        password: str = "",
        **roles: Role,
    ) -> Actor:
        """Create a person with roles in projects, given by id."""
        hashed = QUICK.hash(password) if password else None
        async with self.database.write() as uow:
            user = UserRow(
                id=ids.new_id(),
                name=name,
                admin=admin,
                auditor=auditor,
                password_hash=hashed,
                created_at=clock.utc_now(),
            )
            uow.session.add(user)
            await uow.session.flush()
            for project, role in roles.items():
                uow.session.add(
                    MembershipRow(user_id=user.id, project_id=project, role=role.value)
                )
        return Actor(user.id, name, projects=roles, admin=admin, auditor=auditor)

    async def admin(self, name: str, **roles: Role) -> Actor:
        """Create a platform admin, a member of nothing unless roles are given by project id."""
        person = await self.person(name, **roles)
        async with self.database.write() as uow:
            (await uow.session.get_one(UserRow, person.user_id)).admin = True
        return replace(person, admin=True)

    async def token(
        self, actor: Actor, *scopes: str, project: str | None = None, expired: bool = False
    ) -> str:
        """Return an API token of a person; without scopes it may do all that they may."""
        asked = identity.TokenRequest("test", scopes or ("admin",), project, days=365)
        async with self.database.write() as uow:
            made = await identity.issue(uow, actor, asked)
            if expired:
                await uow.session.execute(
                    update(ApiTokenRow)
                    .where(ApiTokenRow.id == made.token.id)
                    .values(expires_at=clock.utc_now())
                )
        return made.secret

    async def session(self, actor: Actor) -> str:
        """Return a browser's session of a person."""
        async with self.database.write() as uow:
            link = await identity.issue_link(uow, actor.user_id)
            await uow.session.flush()
            return await identity.redeem_link(uow, link)

    def api(
        self, token: str = "", *, address: str = "127.0.0.1", **headers: str
    ) -> httpx.AsyncClient:
        """Return a client of the API; a crash of the server is an answer of 500."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return _client(self.control, headers, address)

    def agent(self) -> httpx.AsyncClient:
        """Return a client of the agents' listener."""
        return _client(self.agents, {})


def _stock(shelf: Path) -> None:
    """Put the archives of the built-in packages there, each looked at once for all tests."""
    for digest, archive in _archives().items():
        place = shelf / digest
        if not place.exists() or place.stat().st_size != len(archive):
            place.write_bytes(archive)


@cache
def _archives() -> dict[str, bytes]:
    archives = [package.archive for package in built_in().packages.values()]
    return {hashlib.sha256(archive).hexdigest(): archive for archive in archives}


async def make_platform(database: Database, folder: Path) -> Platform:
    """Put a control plane together on a fresh database."""
    server = ServerSettings(data_dir=folder, agent_address=IPv4Address("192.0.2.1"))
    settings = Settings(server=server)
    pki.ensure_root(folder, settings.server.domain, settings.network.range)
    vault.ensure_key(folder / "vault.key")
    safe = vault.open_vault(folder / "vault.key")
    known = replace(built_in())
    blobs = Blobs(folder / "blobs")
    _stock(folder / "blobs")
    deployments = Deployments(
        catalog=known,
        vault=safe,
        within=RANGE,
        domain=settings.server.domain,
        https_port=443,
        tcp_ports=range(20000, 20003),
        deploy_plan=workflows.deploy_plan(Mock()),
        cluster_plan=elsewhere.cluster_plan(Mock()),
        remove_plan=workflows.remove_plan(Mock()),
    )
    services = Provided()
    services.add(Adoption(adoption.adopt_plan(Mock()), adoption.forget_plan(Mock())))
    services.add(resize_flows.assemble(Mock()))
    services.add(snapshot_flows.assemble(Mock()))
    services.add(change_flows.assemble(Mock()))
    services.add(
        Plans.of([deployments.deploy_plan, deployments.cluster_plan, deployments.remove_plan])
    )
    fleet = Fleet(database, safe)
    services.add(fleet)
    services.add(handover.tools(fleet))
    services.add(PlatformPlans(look_plan(database, Mock())))
    services.add(fleets.assemble(database, safe, known))
    services.add(Filling(fill_plan(Mock())))
    services.add(built_in_bundles())
    services.add(bundle_plans.assemble(database, safe, built_in_bundles(), deployments))
    heads = audit.Heads(folder / "audit.heads")
    uses = (list_uses, list_installed)
    services.add(Sources(known, safe, source_plan(Mock()), (catalog.BUILT_IN,), uses))
    audit.attach(database, heads)
    webhooks.attach(database, settings.server.console_url)
    doors = identity.local_doors(database, safe, Passwords(QUICK))
    for service in (database, safe, blobs, known, settings, deployments, heads, doors):
        services.add(service)
    async with database.write() as uow:
        await infra.ensure_local_cluster(uow, "incus")
    return Platform(database, services, deployments, safe, blobs)


@cache
def built_in() -> catalog.Catalog:
    """Return the catalog that comes with the product, read once."""
    return catalog.load([catalog.BUILT_IN])


@cache
def built_in_bundles() -> catalog.Bundles:
    """Return the bundles that come with the product, read once."""
    return catalog.load_bundles([catalog.BUILT_IN], built_in().packages)


async def end_operations(uow: Uow, state: str = "succeeded") -> None:
    """Let every operation have ended, as a worker would have done."""
    await uow.session.execute(update(OperationRow).values(state=state))


def _client(
    app: ASGIApp, headers: dict[str, str], address: str = "127.0.0.1"
) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
