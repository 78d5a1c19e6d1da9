"""A platform whose sources are looked at for real: Git, HTTPS, the loopback allowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.factories.platform import Platform
from tests.support import repositories
from tests.support.repositories import Repository, Server

from stead.catalog import public as catalog
from stead.catalog.public import Catalog
from stead.core.authz import Actor, Role
from stead.core.durable import Json, StepContext
from stead.core.outbound import Outbound, Policy
from stead.core.outbound.addresses import Address
from stead.core.outbound.dialling import Doorkeeper
from stead.kit import ids
from stead.sources import repository, workflows
from stead.sources.service import Sources
from stead.sources.shelf import Shelf
from stead.sources.workflows import Tools

ALLOWED = (IPv4Network("127.0.0.0/8"),)


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("repositories")


@pytest.fixture(scope="session")
def hub(shelves: Path) -> Iterator[Server]:
    """Return the server of every repository."""
    with repositories.served(shelves) as server:
        yield server


@pytest.fixture
def repo(shelves: Path) -> Repository:
    """Return an empty repository of this test's own, which the server serves."""
    return repositories.create(shelves / ids.new_id())


@dataclass
class Desk:
    """What tests of sources do, as a platform admin and as the owner of a project."""

    platform: Platform
    hub: Server
    repo: Repository
    shelf: Shelf
    tools: Tools
    admin: Actor
    owner: Actor
    project: str

    async def ask(self, method: str, path: str, actor: Actor | None = None, **body: object) -> Any:  # noqa: ANN401  (JSON)
        """Ask the API as the admin, or as somebody else; return what it answers."""
        token = await self.platform.token(actor or self.admin)
        async with self.platform.api(token) as api:
            answer = await api.request(method, f"/api/v1{path}", json=body or None)
        if answer.status_code >= 400:
            raise RefusedError(answer)
        return answer.json() if answer.content else None

    async def add(self, name: str = "ours", **changes: object) -> str:
        """Add the repository and look at it; return the source's id."""
        url = self.hub.url(self.repo.folder.name)
        body: dict[str, object] = {
            "name": name,
            "url": url,
            "authority": self.hub.authority,
            **changes,
        }
        made = await self.ask("POST", "/sources", **(body | changes))
        await self.look()
        return str(made["source"]["id"])

    async def look(self, *, strict: bool = False) -> dict[str, Any]:
        """Let the worker look at all sources, and everybody see what came of it."""
        async with self.platform.database.read() as uow:
            known = [row.id for row in await repository.list_(uow)]
        plan = workflows.refresh_plan(self.tools)
        found = await plan.steps[0].do(context({"sources": list(known), "strict": strict}))
        await self.shelf.renew()
        return dict(found or {})

    async def accept(self, name: str = "ours") -> str:
        """Accept what is proposed; return the commit."""
        proposal = await self.ask("GET", f"/sources/{name}/proposal")
        revision = str(proposal["revision"])
        await self.ask("POST", f"/sources/{name}/accept", revision=revision)
        await self.shelf.renew()
        return revision

    async def use(self, name: str = "ours") -> None:
        """Let the project use it."""
        await self.ask("PUT", f"/projects/{self.project}/sources/{name}", self.owner)
        await self.shelf.renew()

    async def offered(self, actor: Actor | None = None) -> dict[str, Any]:
        """Return the apps that somebody is offered, without those of the server."""
        apps = await self.ask("GET", "/catalog", actor or self.owner)
        return {app["id"]: app for app in apps if app["source"]}


class RefusedError(Exception):
    """The API did not do it."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.text)
        self.code = answer.json()["code"]
        self.status = answer.status_code


def context(params: dict[str, Json]) -> StepContext:
    async def emit(_kind: str, _data: object) -> None:
        """Tell nobody."""

    return StepContext(ids.new_id(), "", "", params, {}, "look", emit)


@pytest.fixture
async def desk(platform: Platform, hub: Server, repo: Repository, tmp_path: Path) -> Desk:
    async def policy() -> Policy:
        return Policy(ALLOWED)

    async def resolve(_host: str, _port: int) -> tuple[Address, ...]:
        return (ip_address("127.0.0.1"),)

    live = platform.services.get(Sources).catalog
    tools = Tools(
        database=platform.database,
        vault=platform.vault,
        blobs=platform.blobs,
        outbound=Outbound(policy, doorkeeper=Doorkeeper(resolve)),
        folder=tmp_path / "looks",
    )
    own = Catalog(live.packages, live.broken)
    shelf = Shelf(platform.database, platform.blobs, live, (catalog.BUILT_IN,), own)
    project = await platform.project("main")
    return Desk(
        platform=platform,
        hub=hub,
        repo=repo,
        shelf=shelf,
        tools=tools,
        admin=await platform.admin("Root"),
        owner=await platform.person("Ada", **{project: Role.OWNER}),
        project=project,
    )
