"""Two projects that know nothing of each other: one is attacked, one the attackers come from."""

from dataclasses import dataclass, replace
from typing import Final

from tests.factories.platform import Platform, end_operations
from tests.support.attack.filling import SHARED, WORDS

from stead.agents.models import AgentRow
from stead.bundles import service as bundles
from stead.bundles.schemas import BundleIn
from stead.bundles.service import BundleWorks
from stead.core.authz import Actor, PlatformRole, Role
from stead.core.db import Uow
from stead.core.settings import Settings
from stead.deployments import public as deployments
from stead.deployments.public import DeploymentIn
from stead.fleet import bulk, installs, servers
from stead.fleet.public import ServerIn
from stead.fleet.schemas import BulkIn, PackageIn, TaskIn
from stead.fleet.tasks import Fleet
from stead.identity import public as identity
from stead.identity.members import invite
from stead.identity.models import UserRow
from stead.identity.profile import begin_second_factor
from stead.identity.projects import ensure_organisation
from stead.identity.sessions import list_sessions
from stead.infra import public as infra
from stead.infra.models import SightingRow
from stead.kit import clock, ids
from stead.sources import deciding, repository, service as sources
from stead.sources.public import Sources
from stead.sources.reading import Found
from stead.sources.schemas import SourceIn
from stead.webhooks import service as webhooks
from stead.webhooks.rules import Event
from stead.webhooks.schemas import DeliveryOut, WebhookIn

# Ids of what belongs to one person; the others belong to all members.
PERSONAL: Final = frozenset({"token_id", "session_id"})
PASSWORD: Final = "correct horse battery"


@dataclass(frozen=True)
class World:
    """One of each thing of a project, by the name that routes have for its id."""

    ids: dict[str, str]
    owner: Actor
    members: dict[Role | PlatformRole, Actor]
    worldly: dict[Role | PlatformRole, Actor]
    secret: str
    names: frozenset[str]
    private: frozenset[str]

    @property
    def marks(self) -> frozenset[str]:
        """Return what nobody outside may ever read; ``private`` is for the owner alone."""
        return frozenset(self.ids.values()) | self.names | {self.secret}


async def populate(platform: Platform, project: str, elsewhere: str = "") -> World:
    """Make a project with people of every role and one of each thing.

    A new kind of thing is made here, and its id told under the name that paths, queries and
    bodies call it by; every route that takes one is then attacked with it. Worldly members
    also own a project elsewhere: what they may there must not help them here.
    """
    project_id = await platform.project(project)
    members: dict[Role | PlatformRole, Actor] = {}
    worldly: dict[Role | PlatformRole, Actor] = {}
    for role in PlatformRole:
        members[role] = worldly[role] = await _platform_person(platform, role, project)
    for role in Role:
        name = f"{role}-of-{project}"
        members[role] = await platform.person(name, password=PASSWORD, **{project_id: role})
        both = {project_id: role} | ({elsewhere: Role.OWNER} if elsewhere else {})
        worldly[role] = await platform.person(f"worldly-{role}-{project_id[-8:]}", **both)
    owner = members[Role.OWNER]
    async with platform.database.write() as uow:
        secret = {"password": _secret(project)}
        asked = DeploymentIn(app="redis", name=f"cache-{project}", inputs=secret)
        accepted = await deployments.create(uow, owner, platform.deployments, asked)
        wanted = identity.TokenRequest(f"token-of-{project}", ("admin",), None, days=365)
        token = (await identity.issue(uow, owner, wanted)).token
        invitation = (await invite(uow, owner, project_id, Role.VIEWER)).invitation
        organisation_id = await ensure_organisation(uow, f"holder-of-{project}")
        await begin_second_factor(uow, platform.services.get(identity.Doors), owner)
        cluster_id = await infra.local_cluster_id(uow)
        machine = await servers.add(
            uow,
            owner,
            platform.services.get(Settings),
            ServerIn(name=f"server-{project}", project=project),
        )
        fleet = platform.services.get(Fleet)
        await installs.install(uow, owner, fleet, machine.id, PackageIn(app="redis"))
        many = await bulk.start(
            uow, owner, fleet, BulkIn(machines=[machine.id], task=TaskIn(kind="facts"))
        )
        webhook = await _webhook(uow, platform, owner, project_id)
        await _offer_source(uow, platform, members[PlatformRole.ADMIN])
        bundle_id = await _bundle(uow, platform, owner, project)
        guest = f"guest-near-{project}"
        await infra.claim(uow, cluster_id, guest, owner=ids.new_id(), key="attack")
        stranger = f"stranger-near-{project}"
        uow.session.add_all(
            (
                _sighting(cluster_id, guest, key="attack", standing="changed"),
                _sighting(cluster_id, stranger, key="", standing="unknown"),
                _agent(machine.id),
            )
        )
        # Streams of what has ended end too; whatever still ran would be followed for ever.
        await end_operations(uow)
    await platform.session(owner)
    async with platform.database.read() as uow:
        session_id = (await list_sessions(uow, owner))[0].id
    return World(
        ids={
            "user_id": members[Role.VIEWER].user_id,
            "session_id": session_id,
            "invitation_id": invitation.id,
            "organisation_id": organisation_id,
            "cluster_id": cluster_id,
            "guest_id": guest,
            "guest": guest,
            "stranger_id": stranger,
            "setting_id": "session.idle_minutes",
            "project": project,
            "project_id": project_id,
            "deployment_id": accepted.deployment_id,
            "operation_id": accepted.operation_id,
            "server_id": machine.id,
            "bulk_id": many.id,
            "machines": machine.id,
            "machine_id": machine.id,
            "webhook_id": webhook.webhook_id,
            "bundle_id": bundle_id,
            "delivery_id": webhook.id,
            "token_id": token.id,
            "token": ids.new_token("stl"),
            # What somebody would look for.
            "q": f"cache-{project}",
            "search": f"cache-{project}",
        },
        owner=owner,
        members=members,
        worldly=worldly,
        secret=_secret(project),
        names=frozenset({f"cache-{project}", f"server-{project}", owner.name}),
        private=frozenset({token.id, token.name, session_id}),
    )


async def _bundle(uow: Uow, platform: Platform, owner: Actor, project: str) -> str:
    works = platform.services.get(BundleWorks)
    watch = BundleIn(bundle="monitoring", name=f"watch-{project}"[:20])
    return (await bundles.create(uow, owner, works, watch)).bundle_id


async def _webhook(uow: Uow, platform: Platform, owner: Actor, project_id: str) -> DeliveryOut:
    """Return what was told to a webhook of the project."""
    address = f"https://hooks.example.org/{project_id}"
    asked = WebhookIn(name="chat", url=address, events=[Event.JOB_FAILED])
    made = await webhooks.create(uow, owner, platform.vault, project_id, asked)
    return await webhooks.send_test(uow, owner, made.id)


async def _offer_source(uow: Uow, platform: Platform, admin: Actor) -> None:
    """Return the source that every project may use: what it offers is nobody's own."""
    name = SHARED["source_id"]
    if await repository.find(uow, name) is not None:
        return
    asked = SourceIn(name=name, url="https://git.example.org/everybodys.git")
    added = await sources.add(uow, admin, platform.services.get(Sources), asked)
    row = await sources.find(uow, added.source.id)
    odd = Found(name="odd", problems=("manifest.yml: is wrong; correct it",))
    for revision in ("4" * 40, WORDS["revision"]):
        await deciding.record(uow, row, revision, "", [(odd, None)])
        await uow.session.flush()
        if revision != WORDS["revision"]:
            await deciding.accept(uow, admin, row.id, revision)


def _agent(machine_id: str) -> AgentRow:
    now = clock.utc_now()
    return AgentRow(
        id=ids.new_id(),
        instance_id=machine_id,
        version="0.1.0",
        facts={"os": "debian"},
        enrolled_at=now,
        last_seen_at=now,
    )


def _sighting(cluster_id: str, guest: str, *, key: str, standing: str) -> SightingRow:
    """Return a guest that somebody changed or made on an engine: there is something to do."""
    return SightingRow(
        cluster_id=cluster_id,
        native_name=guest,
        key=key,
        owner="",
        state="running",
        addresses=[],
        standing=standing,
        first_seen_at=clock.utc_now(),
    )


async def _platform_person(platform: Platform, role: PlatformRole, project: str) -> Actor:
    person = await platform.person(f"{role}-near-{project}")
    async with platform.database.write() as uow:
        user = await uow.session.get_one(UserRow, person.user_id)
        user.admin, user.auditor = role is PlatformRole.ADMIN, role is PlatformRole.AUDITOR
    return replace(person, admin=user.admin, auditor=user.auditor)


def absent(world: World) -> dict[str, str]:
    """Return ids of the same shape that nothing has."""
    return {name: _unknown(value) for name, value in world.ids.items()}


def _unknown(value: str) -> str:
    return ids.new_id() if len(value) == len(ids.new_id()) else value[::-1]


def _secret(project: str) -> str:
    return f"hunter2{project}hunter2"
