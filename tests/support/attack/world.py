"""Two projects that know nothing of each other: one is attacked, one the attackers come from."""

from dataclasses import asdict, dataclass, replace
from typing import Final

from tests.factories.acting import keep_snapshot
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
from stead.deployments.models import DeploymentRow
from stead.deployments.public import DeploymentIn
from stead.engines.values import NodeFacts
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
from stead.infra.models import ClusterRow, SightingRow, SurveyRow
from stead.kit import clock, ids
from stead.sources import deciding, repository, service as sources
from stead.sources.public import Sources
from stead.sources.reading import Found
from stead.sources.schemas import SourceIn
from stead.webhooks import service as webhooks
from stead.webhooks.rules import Event
from stead.webhooks.schemas import WebhookIn

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

    A new kind of thing is made by a function that tells its id under the name that paths,
    queries and bodies call it by; every route that takes one is then attacked with it. Worldly
    members also own a project elsewhere: what they may there must not help them here.
    """
    project_id = await platform.project(project)
    members, worldly = await _people(platform, project, project_id, elsewhere)
    owner = members[Role.OWNER]
    person = _Person(platform, owner, project, project_id)
    made: dict[str, str] = {}
    async with platform.database.write() as uow:
        for make in (_deployment, _accounts, _machine, _webhook, _bundle, _guests):
            made |= await make(uow, person)
        await _offer_source(uow, platform, members[PlatformRole.ADMIN])
        # Streams of what has ended end too; whatever still ran would be followed for ever.
        await end_operations(uow)
    await platform.session(owner)
    async with platform.database.read() as uow:
        session_id = (await list_sessions(uow, owner))[0].id
    made |= {
        "user_id": members[Role.VIEWER].user_id,
        "session_id": session_id,
        "setting_id": "session.idle_minutes",
        "project": project,
        "project_id": project_id,
        "token": ids.new_token("stl"),
        # What somebody would look for.
        "q": f"cache-{project}",
        "search": f"cache-{project}",
    }
    return World(
        ids=made,
        owner=owner,
        members=members,
        worldly=worldly,
        secret=_secret(project),
        names=frozenset({f"cache-{project}", f"server-{project}", owner.name}),
        private=frozenset({made["token_id"], f"token-of-{project}", session_id}),
    )


@dataclass(frozen=True)
class _Person:
    """Whose things are made, and where."""

    platform: Platform
    actor: Actor
    project: str
    project_id: str


async def _people(
    platform: Platform, project: str, project_id: str, elsewhere: str
) -> tuple[dict[Role | PlatformRole, Actor], dict[Role | PlatformRole, Actor]]:
    members: dict[Role | PlatformRole, Actor] = {}
    worldly: dict[Role | PlatformRole, Actor] = {}
    for role in PlatformRole:
        members[role] = worldly[role] = await _platform_person(platform, role, project)
    for role in Role:
        name = f"{role}-of-{project}"
        members[role] = await platform.person(name, password=PASSWORD, **{project_id: role})
        both = {project_id: role} | ({elsewhere: Role.OWNER} if elsewhere else {})
        worldly[role] = await platform.person(f"worldly-{role}-{project_id[-8:]}", **both)
    return members, worldly


async def _deployment(uow: Uow, by: _Person) -> dict[str, str]:
    asked = DeploymentIn(
        app="redis", name=f"cache-{by.project}", inputs={"password": _secret(by.project)}
    )
    accepted = await deployments.create(uow, by.actor, by.platform.deployments, asked)
    # Only with what is live can anything be done.
    (await uow.session.get_one(DeploymentRow, accepted.deployment_id)).state = "live"
    return {
        "deployment_id": accepted.deployment_id,
        "operation_id": accepted.operation_id,
        "snapshot_id": await keep_snapshot(uow, accepted.deployment_id),
    }


async def _accounts(uow: Uow, by: _Person) -> dict[str, str]:
    wanted = identity.TokenRequest(f"token-of-{by.project}", ("admin",), None, days=365)
    token = (await identity.issue(uow, by.actor, wanted)).token
    invitation = (await invite(uow, by.actor, by.project_id, Role.VIEWER)).invitation
    organisation_id = await ensure_organisation(uow, f"holder-of-{by.project}")
    await begin_second_factor(uow, by.platform.services.get(identity.Doors), by.actor)
    return {
        "token_id": token.id,
        "invitation_id": invitation.id,
        "organisation_id": organisation_id,
    }


async def _machine(uow: Uow, by: _Person) -> dict[str, str]:
    """Make a server with a program on it, and a job for many."""
    settings, fleet = by.platform.services.get(Settings), by.platform.services.get(Fleet)
    asked = ServerIn(name=f"server-{by.project}", project=by.project)
    machine = await servers.add(uow, by.actor, settings, asked)
    uow.session.add(_agent(machine.id))
    await installs.install(uow, by.actor, fleet, machine.id, PackageIn(app="redis"))
    task = BulkIn(machines=[machine.id], task=TaskIn(kind="facts"))
    many = await bulk.start(uow, by.actor, fleet, task)
    named = dict.fromkeys(("server_id", "machines", "machine_id"), machine.id)
    return {**named, "bulk_id": many.id}


async def _guests(uow: Uow, by: _Person) -> dict[str, str]:
    """Make what was seen on an engine: a guest that is ours, and one of a stranger."""
    cluster_id = await infra.local_cluster_id(uow)
    cluster = await uow.session.get_one(ClusterRow, cluster_id)
    cluster.nodes = ["n1", "n2"]
    cluster.capabilities = [{"ability": "evacuation", "verdict": "yes", "reason": ""}]
    nodes = (NodeFacts("n1", online=True), NodeFacts("n2", online=True, evacuated=True))
    survey = SurveyRow(cluster_id=cluster_id, storages=[], findings=[], checks=[])
    survey.nodes = [asdict(one) for one in nodes]
    await uow.session.merge(survey)
    guest, stranger = f"guest-near-{by.project}", f"stranger-near-{by.project}"
    await infra.claim(uow, cluster_id, guest, owner=ids.new_id(), key="attack")
    uow.session.add(_sighting(cluster_id, guest, key="attack", standing="changed"))
    uow.session.add(_sighting(cluster_id, stranger, key="", standing="unknown"))
    return {"cluster_id": cluster_id, "guest_id": guest, "guest": guest, "stranger_id": stranger}


async def _bundle(uow: Uow, by: _Person) -> dict[str, str]:
    works = by.platform.services.get(BundleWorks)
    watch = BundleIn(bundle="monitoring", name=f"watch-{by.project}"[:20])
    return {"bundle_id": (await bundles.create(uow, by.actor, works, watch)).bundle_id}


async def _webhook(uow: Uow, by: _Person) -> dict[str, str]:
    """Make a webhook of the project, and tell it something."""
    address = f"https://hooks.example.org/{by.project_id}"
    asked = WebhookIn(name="chat", url=address, events=[Event.JOB_FAILED])
    made = await webhooks.create(uow, by.actor, by.platform.vault, by.project_id, asked)
    told = await webhooks.send_test(uow, by.actor, made.id)
    return {"webhook_id": told.webhook_id, "delivery_id": told.id}


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
