"""Strangers, viewers and holders of revoked tokens, at every route of the API.

The routes come from the application itself: a new one without an entry here fails.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from tests.factories import databases
from tests.factories.acting import keep_snapshot
from tests.factories.platform import Platform, end_operations

from stead.core.authz import Actor, Role
from stead.core.db import Uow
from stead.core.durable import interrupted
from stead.deployments import public as deployments
from stead.deployments.models import DeploymentRow
from stead.deployments.public import DeploymentIn
from stead.entrypoints import declarations
from stead.infra import public as infra
from stead.kit import ids
from stead.sources import service as sources
from stead.sources.public import Sources
from stead.sources.schemas import SourceIn

Made = dict[str, str]


@dataclass(frozen=True)
class Sample:
    """How to call a route. ``own`` routes are about the caller alone, whoever that is.

    ``platform`` routes are about the platform itself; ``fails`` says what its owner hears.
    """

    body: Callable[[Made], object] | None = None
    own: bool = False
    write: bool = False
    platform: bool = False
    fails: int = 0


def _new(made: Made) -> object:
    return {"app": "redis", "name": "another", "project": made["project_name"]}


def _new_bundle(made: Made) -> object:
    return {"bundle": "monitoring", "name": "another", "project": made["project_name"]}


def _new_server(made: Made) -> object:
    return {"name": "another", "project": made["project_name"]}


def _new_bulk(made: Made) -> object:
    machines = [made["machine_id"]]
    return {"machines": machines, "task": {"kind": "facts"}, "project": made["project_name"]}


PASSWORD = "correct horse battery"


def _says(**body: object) -> Callable[[Made], object]:
    return lambda _made: body


SAMPLES = {
    ("GET", "/api/v1/catalog"): Sample(own=True),
    ("GET", "/api/v1/catalog/schema"): Sample(own=True),
    ("GET", "/api/v1/catalog/broken"): Sample(own=True),
    ("GET", "/api/v1/catalog/{app}"): Sample(own=True),
    ("GET", "/api/v1/audit"): Sample(own=True, platform=True),
    ("GET", "/api/v1/audit/export"): Sample(own=True, platform=True),
    ("GET", "/api/v1/deployments/targets"): Sample(own=True),
    ("GET", "/api/v1/clusters"): Sample(own=True, platform=True),
    ("GET", "/api/v1/clusters/engines"): Sample(own=True, platform=True),
    ("POST", "/api/v1/clusters/probe"): Sample(
        _says(engine="simulator"), own=True, write=True, platform=True
    ),
    ("POST", "/api/v1/clusters"): Sample(
        _says(name="another", engine="simulator"), own=True, write=True, platform=True
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/probe"): Sample(write=True, platform=True, fails=409),
    ("POST", "/api/v1/clusters/{cluster_id}/certificate"): Sample(
        _says(fingerprint="AB" * 32), write=True, platform=True, fails=409
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/credentials"): Sample(
        _says(options={"secret": "x"}), write=True, platform=True, fails=409
    ),
    ("GET", "/api/v1/clusters/{cluster_id}/warm"): Sample(platform=True),
    ("PUT", "/api/v1/clusters/{cluster_id}/warm"): Sample(
        _says(small=1), write=True, platform=True
    ),
    ("PUT", "/api/v1/clusters/{cluster_id}/hosting"): Sample(
        _says(image="x", network="192.0.2.0/24", first="192.0.2.10", last="192.0.2.20"),
        write=True,
        platform=True,
        fails=409,
    ),
    ("DELETE", "/api/v1/clusters/{cluster_id}/hosting"): Sample(write=True, platform=True),
    ("PUT", "/api/v1/clusters/{cluster_id}/overcommit"): Sample(
        _says(cores=None), write=True, platform=True
    ),
    ("GET", "/api/v1/clusters/{cluster_id}/guests/{stranger_id}/adoption"): Sample(
        platform=True, fails=404
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/guests/{stranger_id}/adoption"): Sample(
        _says(project="nothing"), write=True, platform=True, fails=404
    ),
    ("DELETE", "/api/v1/clusters/{cluster_id}/guests/{stranger_id}/adoption"): Sample(
        write=True, platform=True, fails=404
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/takeover"): Sample(
        write=True, platform=True, fails=409
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/evacuate"): Sample(
        _says(node="none"), write=True, platform=True, fails=404
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/restore"): Sample(
        _says(node="none"), write=True, platform=True, fails=404
    ),
    ("DELETE", "/api/v1/clusters/{cluster_id}"): Sample(write=True, platform=True, fails=409),
    ("POST", "/api/v1/clusters/{cluster_id}/check"): Sample(write=True, platform=True),
    ("GET", "/api/v1/clusters/{cluster_id}"): Sample(platform=True),
    ("GET", "/api/v1/clusters/{cluster_id}/guests"): Sample(platform=True),
    ("POST", "/api/v1/clusters/{cluster_id}/maintenance"): Sample(
        _says(on=True, reason="new disks"), write=True, platform=True
    ),
    ("POST", "/api/v1/clusters/{cluster_id}/guests/{guest_id}/accept"): Sample(
        write=True, platform=True, fails=404
    ),
    ("GET", "/api/v1/sources"): Sample(own=True, platform=True),
    ("POST", "/api/v1/sources"): Sample(
        _says(name="another", url="https://git.example.org/more.git"),
        own=True,
        write=True,
        platform=True,
    ),
    ("POST", "/api/v1/sources/refresh"): Sample(own=True, write=True, platform=True),
    ("GET", "/api/v1/sources/{source_id}"): Sample(platform=True),
    ("POST", "/api/v1/sources/{source_id}/refresh"): Sample(write=True, platform=True),
    ("GET", "/api/v1/sources/{source_id}/proposal"): Sample(platform=True, fails=409),
    ("POST", "/api/v1/sources/{source_id}/accept"): Sample(
        _says(revision="0" * 40), write=True, platform=True, fails=409
    ),
    ("POST", "/api/v1/sources/{source_id}/refuse"): Sample(
        _says(revision="0" * 40), write=True, platform=True, fails=409
    ),
    ("DELETE", "/api/v1/sources/{source_id}"): Sample(write=True, platform=True),
    ("GET", "/api/v1/projects/{project_id}/sources"): Sample(),
    ("PUT", "/api/v1/projects/{project_id}/sources/{source_id}"): Sample(write=True, fails=409),
    ("DELETE", "/api/v1/projects/{project_id}/sources/{source_id}"): Sample(write=True),
    ("GET", "/api/v1/agents"): Sample(own=True),
    ("GET", "/api/v1/agents/{machine_id}"): Sample(),
    ("PATCH", "/api/v1/agents/{machine_id}/limits"): Sample(_says(quick=3), write=True, fails=409),
    ("GET", "/api/v1/agents/{machine_id}/packages"): Sample(),
    ("POST", "/api/v1/agents/{machine_id}/packages"): Sample(_says(app="redis"), write=True),
    ("GET", "/api/v1/agents/{machine_id}/packages/{app}"): Sample(fails=404),
    ("POST", "/api/v1/agents/{machine_id}/packages/{app}/reveal"): Sample(write=True, fails=404),
    ("DELETE", "/api/v1/agents/{machine_id}/packages/{app}"): Sample(write=True, fails=404),
    ("POST", "/api/v1/agents/{machine_id}/jobs"): Sample(_says(kind="facts"), write=True),
    ("POST", "/api/v1/agents/{machine_id}/files"): Sample(
        _says(target="/etc/motd", content="eA=="), write=True
    ),
    ("GET", "/api/v1/jobs"): Sample(own=True),
    ("GET", "/api/v1/figures"): Sample(own=True, platform=True),
    ("GET", "/api/v1/commands"): Sample(own=True),
    ("GET", "/api/v1/bulk"): Sample(own=True),
    ("POST", "/api/v1/bulk"): Sample(_new_bulk, write=True),
    ("GET", "/api/v1/bulk/{bulk_id}"): Sample(),
    ("POST", "/api/v1/bulk/{bulk_id}/retry"): Sample(write=True),
    ("POST", "/api/v1/servers"): Sample(_new_server, write=True),
    ("POST", "/api/v1/servers/{server_id}/token"): Sample(write=True),
    ("DELETE", "/api/v1/servers/{server_id}"): Sample(write=True),
    ("GET", "/api/v1/settings"): Sample(own=True, platform=True),
    ("GET", "/api/v1/settings/{setting_id}"): Sample(platform=True),
    ("PUT", "/api/v1/settings/{setting_id}"): Sample(
        _says(value=60, version=0), write=True, platform=True
    ),
    ("POST", "/api/v1/settings/{setting_id}/reset"): Sample(
        _says(version=0), write=True, platform=True
    ),
    ("POST", "/api/v1/settings/{setting_id}/undo"): Sample(
        _says(to=0, version=0), write=True, platform=True
    ),
    ("GET", "/api/v1/settings/{setting_id}/history"): Sample(platform=True),
    ("GET", "/api/v1/me"): Sample(own=True),
    ("GET", "/api/v1/tokens"): Sample(own=True),
    ("POST", "/api/v1/tokens"): Sample(lambda _made: {"name": "x"}, own=True),
    ("DELETE", "/api/v1/tokens/{token_id}"): Sample(),
    ("POST", "/api/v1/tokens/{token_id}/allow"): Sample(),
    ("PUT", "/api/v1/me/password"): Sample(
        _says(password="another horse battery", current=PASSWORD), own=True
    ),
    ("POST", "/api/v1/me/second-factor"): Sample(own=True),
    ("PUT", "/api/v1/me/second-factor"): Sample(
        _says(code="000000", password=PASSWORD), own=True, fails=409
    ),
    ("POST", "/api/v1/me/second-factor/codes"): Sample(
        _says(password=PASSWORD), own=True, fails=409
    ),
    ("POST", "/api/v1/me/second-factor/off"): Sample(
        _says(password=PASSWORD), own=True, fails=409
    ),
    ("GET", "/api/v1/sessions"): Sample(own=True),
    ("DELETE", "/api/v1/sessions"): Sample(own=True),
    ("DELETE", "/api/v1/sessions/{session_id}"): Sample(),
    ("POST", "/api/v1/invitations/accept"): Sample(
        _says(token="sti_unknown"), own=True, fails=409
    ),
    ("GET", "/api/v1/projects"): Sample(own=True),
    ("POST", "/api/v1/projects"): Sample(_says(name="third"), platform=True),
    ("GET", "/api/v1/projects/{project_id}"): Sample(),
    ("PATCH", "/api/v1/projects/{project_id}"): Sample(_says(name="renamed"), write=True),
    ("POST", "/api/v1/projects/{project_id}/archive"): Sample(write=True, fails=409),
    ("POST", "/api/v1/projects/{project_id}/restore"): Sample(write=True),
    ("PATCH", "/api/v1/projects/{project_id}/limits"): Sample(_says(cores=8), platform=True),
    ("GET", "/api/v1/projects/{project_id}/members"): Sample(),
    ("PUT", "/api/v1/projects/{project_id}/members/{user_id}"): Sample(
        _says(role="developer"), write=True
    ),
    ("DELETE", "/api/v1/projects/{project_id}/members/{user_id}"): Sample(write=True),
    ("POST", "/api/v1/projects/{project_id}/leave"): Sample(fails=409),
    ("GET", "/api/v1/projects/{project_id}/invitations"): Sample(write=True),
    ("POST", "/api/v1/projects/{project_id}/invitations"): Sample(
        _says(role="viewer"), write=True
    ),
    ("DELETE", "/api/v1/projects/{project_id}/invitations/{invitation_id}"): Sample(write=True),
    ("GET", "/api/v1/projects/{project_id}/webhooks"): Sample(write=True),
    ("POST", "/api/v1/projects/{project_id}/webhooks"): Sample(
        _says(name="chat", url="https://hooks.example.org/", events=["job.failed"]), write=True
    ),
    ("GET", "/api/v1/bundle-catalog"): Sample(own=True),
    ("GET", "/api/v1/bundle-catalog/schema"): Sample(own=True),
    ("GET", "/api/v1/bundle-catalog/{bundle}"): Sample(own=True),
    ("GET", "/api/v1/bundles"): Sample(own=True),
    ("POST", "/api/v1/bundles"): Sample(_new_bundle, write=True),
    ("GET", "/api/v1/bundles/{bundle_id}"): Sample(),
    ("DELETE", "/api/v1/bundles/{bundle_id}"): Sample(write=True, fails=409),
    ("GET", "/api/v1/webhooks/{webhook_id}"): Sample(write=True),
    ("PATCH", "/api/v1/webhooks/{webhook_id}"): Sample(_says(name="other"), write=True),
    ("DELETE", "/api/v1/webhooks/{webhook_id}"): Sample(write=True),
    ("POST", "/api/v1/webhooks/{webhook_id}/pause"): Sample(write=True),
    ("POST", "/api/v1/webhooks/{webhook_id}/resume"): Sample(write=True),
    ("POST", "/api/v1/webhooks/{webhook_id}/secret"): Sample(write=True),
    ("POST", "/api/v1/webhooks/{webhook_id}/test"): Sample(write=True),
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries"): Sample(write=True),
    ("GET", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}"): Sample(write=True),
    ("POST", "/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"): Sample(
        write=True
    ),
    ("GET", "/api/v1/organisations"): Sample(platform=True),
    ("POST", "/api/v1/organisations"): Sample(_says(name="acme"), platform=True),
    ("PATCH", "/api/v1/organisations/{organisation_id}"): Sample(
        _says(name="acme"), platform=True
    ),
    ("POST", "/api/v1/organisations/{organisation_id}/archive"): Sample(platform=True),
    ("POST", "/api/v1/organisations/{organisation_id}/restore"): Sample(platform=True),
    ("GET", "/api/v1/people"): Sample(platform=True),
    ("POST", "/api/v1/people"): Sample(_says(name="zoe"), platform=True),
    ("PATCH", "/api/v1/people/{user_id}"): Sample(_says(auditor=True), platform=True),
    ("POST", "/api/v1/people/{user_id}/reset-link"): Sample(_says(), platform=True),
    ("POST", "/api/v1/people/{user_id}/disable"): Sample(platform=True),
    ("POST", "/api/v1/people/{user_id}/enable"): Sample(platform=True),
    ("GET", "/api/v1/deployments"): Sample(own=True),
    ("POST", "/api/v1/deployments"): Sample(_new, write=True),
    ("GET", "/api/v1/deployments/{deployment_id}"): Sample(),
    ("POST", "/api/v1/deployments/{deployment_id}/reveal"): Sample(write=True),
    ("POST", "/api/v1/deployments/{deployment_id}/start"): Sample(write=True),
    ("POST", "/api/v1/deployments/{deployment_id}/resize"): Sample(_says(cores=2), write=True),
    ("POST", "/api/v1/deployments/{deployment_id}/stop"): Sample(write=True),
    ("POST", "/api/v1/deployments/{deployment_id}/restart"): Sample(write=True),
    ("GET", "/api/v1/deployments/{deployment_id}/snapshots"): Sample(),
    ("POST", "/api/v1/deployments/{deployment_id}/snapshots"): Sample(
        _says(name="before"), write=True
    ),
    ("POST", "/api/v1/deployments/{deployment_id}/snapshots/{snapshot_id}/restore"): Sample(
        write=True
    ),
    ("DELETE", "/api/v1/deployments/{deployment_id}/snapshots/{snapshot_id}"): Sample(write=True),
    ("DELETE", "/api/v1/deployments/{deployment_id}"): Sample(write=True),
    ("PATCH", "/api/v1/deployments/{deployment_id}"): Sample(
        _says(inputs={"maxmemory_mb": 99}), write=True, fails=409
    ),
    ("GET", "/api/v1/operations"): Sample(own=True),
    ("GET", "/api/v1/operations/{operation_id}"): Sample(),
    ("GET", "/api/v1/operations/{operation_id}/events"): Sample(),
    ("POST", "/api/v1/operations/{operation_id}/cancel"): Sample(write=True),
    ("POST", "/api/v1/operations/{operation_id}/retry"): Sample(write=True),
    ("POST", "/api/v1/operations/{operation_id}/undo"): Sample(write=True),
    ("POST", "/api/v1/operations/{operation_id}/keep"): Sample(write=True),
    ("GET", "/api/v1/operations/{operation_id}/log"): Sample(),
    ("GET", "/api/v1/operations/{operation_id}/decision"): Sample(),
    ("POST", "/api/v1/operations/{operation_id}/decision"): Sample(
        lambda _made: {"choice": "undo"}, write=True
    ),
    ("GET", "/api/v1/platform/restore"): Sample(platform=True),
    ("POST", "/api/v1/platform/look"): Sample(platform=True),
}


def served(app: object) -> FastAPI:
    """Return the application inside its guards."""
    while not isinstance(app, FastAPI):
        app = app._app
    return app


def api_routes(platform: Platform) -> set[tuple[str, str]]:
    return {
        (one.method, one.path)
        for one in declarations.list_declarations(served(platform.control))
        if not one.page and one.action is not None
    }


@pytest.fixture
async def owner(platform: Platform) -> Actor:
    """Return somebody who may do everything: owner of the project, and platform admin."""
    project = await platform.project("main")
    return await platform.person("Ada", admin=True, password=PASSWORD, **{project: Role.OWNER})


@pytest.fixture
async def made(platform: Platform, owner: Actor) -> Made:
    """Return the ids of one of each thing, all of one project."""
    token = await platform.token(owner)
    project = next(iter(owner.projects))
    await platform.session(owner)
    bob = await platform.person("Bob", **{project: Role.VIEWER})
    async with platform.database.write() as uow:
        accepted = await deployments.create(
            uow, owner, platform.deployments, DeploymentIn(app="redis", name="mine")
        )
        snapshot_id = await keep_snapshot(uow, accepted.deployment_id)
        cluster_id = await infra.local_cluster_id(uow)
        source = SourceIn(name="ours", url="https://git.example.org/ours.git")
        added = await sources.add(uow, owner, platform.services.get(Sources), source)
    async with platform.api(token) as api:
        token_id = (await api.get("/api/v1/tokens")).json()[0]["id"]
        session_id = (await api.get("/api/v1/sessions")).json()[0]["id"]
        organisation = await api.post("/api/v1/organisations", json={"name": "empty"})
        path = f"/api/v1/projects/{project}/invitations"
        invitation = await api.post(path, json={"role": "viewer"})
        server = await api.post("/api/v1/servers", json={"name": "nas"})
        asked = {"machines": ["nas"], "task": {"kind": "facts"}}
        many = await api.post("/api/v1/bulk", json=asked)
        watch = await api.post("/api/v1/bundles", json={"bundle": "monitoring", "name": "watch"})
        hook = {"name": "chat", "url": "https://hooks.example.org/", "events": ["job.failed"]}
        path = f"/api/v1/projects/{project}/webhooks"
        webhook_id = (await api.post(path, json=hook)).json()["id"]
        told = await api.post(f"/api/v1/webhooks/{webhook_id}/test")
    return {
        "project_id": project,
        "user_id": bob.user_id,
        "session_id": session_id,
        "organisation_id": organisation.json()["id"],
        "invitation_id": invitation.json()["id"],
        "deployment_id": accepted.deployment_id,
        "operation_id": accepted.operation_id,
        "snapshot_id": snapshot_id,
        "token_id": token_id,
        "cluster_id": cluster_id,
        "source_id": added.source.id,
        "bulk_id": many.json()["id"],
        "server_id": server.json()["id"],
        "machine_id": server.json()["id"],
        "webhook_id": webhook_id,
        "bundle_id": watch.json()["bundle_id"],
        "bundle": "monitoring",
        "delivery_id": told.json()["id"],
        "guest_id": "web",
        "stranger_id": "web",
        "setting_id": "session.idle_minutes",
        "app": "redis",
        "project_name": "main",
    }


Call = Callable[[tuple[str, str], Made], Awaitable[httpx.Response]]


def caller(api: httpx.AsyncClient) -> Call:
    async def call(route: tuple[str, str], made: Made) -> httpx.Response:
        method, path = route
        sample = SAMPLES[route]
        body: Any = sample.body(made) if sample.body else None
        unknown = set(re.findall(r"{(\w+)}", path)) - made.keys()
        assert unknown == set(), f"{method} {path}: make one of each in the fixture made"
        return await api.request(method, path.format(**made), json=body)

    return call


def test_every_route_has_a_sample(platform: Platform):
    routes = api_routes(platform)
    new, gone = sorted(routes - SAMPLES.keys()), sorted(SAMPLES.keys() - routes)
    assert (new, gone) == ([], []), f"add a Sample for {new}, take that of {gone} away"


async def test_nobody_gets_in(platform: Platform, made: Made):
    let_in = []
    for token in ("", "stt_unknown", "nonsense"):
        for number, route in enumerate(SAMPLES):
            # From one address so many wrong tokens would be slowed down.
            async with platform.api(token, address=f"192.0.2.{number}") as api:
                answer = await caller(api)(route, made)
                if (answer.status_code, answer.json()["code"]) != (401, "auth.required"):
                    let_in.append((token, route, answer.text))
    assert let_in == []


async def test_a_revoked_token_gets_nobody_in(platform: Platform, owner: Actor, made: Made):
    token = await platform.token(owner)
    async with platform.api(token) as api:
        newest = (await api.get("/api/v1/tokens")).json()[-1]["id"]
        assert (await api.delete(f"/api/v1/tokens/{newest}")).status_code == 204
    answers = {}
    for number, route in enumerate(SAMPLES):
        # From one address so many wrong tokens would be slowed down.
        async with platform.api(token, address=f"192.0.2.{number}") as api:
            answers[route] = (await caller(api)(route, made)).status_code
    assert answers == dict.fromkeys(SAMPLES, 401)


async def test_strangers_cannot_tell_ours_from_what_does_not_exist(platform: Platform, made: Made):
    stranger = await platform.person("Eve", **{await platform.project("other"): Role.OWNER})
    absent = {name: ids.new_id() for name in made}
    absent |= {"app": "redis", "bundle": "monitoring", "project_name": "absent"}
    told = []
    async with platform.api(await platform.token(stranger)) as api:
        for route, sample in SAMPLES.items():
            ours, nothing = await caller(api)(route, made), await caller(api)(route, absent)
            if sample.platform:
                if (ours.status_code, ours.text) != (403, nothing.text):
                    told.append((route, ours.text))
            elif sample.own:
                if {made["deployment_id"], made["operation_id"], made["project_id"]} & set(
                    _words(ours)
                ):
                    told.append((route, ours.text))
            elif (ours.status_code, ours.text) != (404, nothing.text):
                told.append((route, ours.text))
    assert told == []


def _words(answer: httpx.Response) -> list[str]:
    return answer.text.replace('"', " ").split()


async def test_viewers_change_nothing(platform: Platform, owner: Actor, made: Made):
    viewer = await platform.person("Vic", **{next(iter(owner.projects)): Role.VIEWER})
    writes = [route for route, sample in SAMPLES.items() if sample.write]
    async with platform.api(await platform.token(viewer)) as api:
        answers = {route: (await caller(api)(route, made)).json()["code"] for route in writes}
        seen = await api.get(f"/api/v1/deployments/{made['deployment_id']}")
    assert answers == dict.fromkeys(writes, "auth.forbidden")
    assert seen.status_code == 200


# What only reads leaves the next one a platform as it was; events end when their operation has.
READS = sorted(one for one in SAMPLES if one[0] == "GET" and not one[1].endswith("/events"))


async def test_owners_may_read_everything(platform: Platform, owner: Actor, made: Made):
    root = await platform.admin("Root")
    wrong = []
    for route in READS:
        person = root if SAMPLES[route].platform else owner
        async with platform.api(await platform.token(person)) as api:
            answer = await caller(api)(route, made)
        if answer.status_code not in expected(route):
            wrong.append((route, answer.status_code, answer.text))
    assert wrong == []


async def as_made(_uow: Uow) -> None:
    """Leave everything as it is."""


async def kept(uow: Uow) -> None:
    """Let operations end in a state that waits for somebody."""
    await end_operations(uow, "kept")


async def live(uow: Uow) -> None:
    """Let every deployment be there, with nothing being done with it."""
    await end_operations(uow)
    await uow.session.execute(update(DeploymentRow).values(state="live"))


STATES: dict[str, Callable[[Uow], Awaitable[object]]] = {
    "as made": as_made,
    "ended": end_operations,
    "kept": kept,
    "live": live,
    "interrupted": interrupted.interrupt_all,
}


def fitting(route: tuple[str, str]) -> str:
    """Return the state of operations in which a route can do what it is for."""
    states = {"events": "ended", "retry": "kept", "undo": "kept", "decision": "interrupted"}
    states |= dict.fromkeys(("start", "stop", "restart", "resize", "snapshots"), "live")
    last = "snapshots" if "/snapshots" in route[1] else route[1].rsplit("/", 1)[1]
    return states.get(last, "as made")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("state", STATES)
async def test_owners_get_through(platform: Platform, owner: Actor, made: Made, state: str):
    """What one route changes is forgotten before the next one is asked."""
    async with platform.database.write() as uow:
        await STATES[state](uow)
    root = await platform.admin("Root")
    tokens = {False: await platform.token(owner), True: await platform.token(root)}
    wrong = []
    for route in sorted(one for one in SAMPLES.keys() - set(READS) if fitting(one) == state):
        async with platform.api(tokens[SAMPLES[route].platform]) as api:
            with databases.rehearsed(platform.database):
                answer = await caller(api)(route, made)
        if answer.status_code not in expected(route):
            wrong.append((route, answer.status_code, answer.text))
    assert wrong == []


def expected(route: tuple[str, str]) -> set[int]:
    busy = route == ("DELETE", "/api/v1/deployments/{deployment_id}")
    fails = SAMPLES[route].fails or (409 if busy else 0)
    return {fails} if fails else {200, 201, 202, 204}


NONSENSE = ["0" * 26, "x", "%00", "é" * 13, "%2e%2e", "a" * 5000, "' or 1=1 --"]


@pytest.mark.timeout(300)
async def test_nonsense_for_an_id_is_not_found(platform: Platform, owner: Actor, made: Made):
    found = []
    async with platform.api(await platform.token(owner)) as api:
        for route in (route for route in SAMPLES if "{" in route[1]):
            for nonsense in NONSENSE:
                names = [name for name in made if name != "project_name"]
                answer = await caller(api)(route, dict.fromkeys(names, nonsense))
                if answer.status_code not in {404, 405}:
                    found.append((route, nonsense, answer.text))
    assert found == []


BODIES = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"[" * 500_000,
    b'{"app": "redis", "inputs": {"password": "\\ud800"}}',
    b'{"app": "\\ud800"}',
    b'{"app": "redis", "inputs": {"maxmemory_mb": 1e999}}',
    b'{"app": "redis", "inputs": {"maxmemory_mb": NaN}}',
    b'{"app": "redis", "inputs": {"maxmemory_mb": ' + b"9" * 4000 + b"}}",
    b'{"app": "redis", "inputs": {"maxmemory_mb": ' + b"9" * 5000 + b"}}",
    b'{"app": "redis", "inputs": {"\\ud800": 1}}',
    b'{"app": "redis", "inputs": {"password": {"a": [1]}}}',
    b'{"app": "redis", "name": "a\\u0000b"}',
    b'{"app": "redis", "size": "huge"}',
    b"\xff\xfe",
)


async def test_bad_bodies_are_the_callers_mistake(platform: Platform, owner: Actor):
    headers = {"Content-Type": "application/json"}
    async with platform.api(await platform.token(owner)) as api:
        for content in BODIES:
            answer = await api.post("/api/v1/deployments", content=content, headers=headers)
            assert answer.status_code in {400, 404, 422}, (content[:80], answer.text)


async def test_bad_places_to_resume_are_the_callers_mistake(
    platform: Platform, owner: Actor, made: Made
):
    path = f"/api/v1/operations/{made['operation_id']}/events"
    async with platform.api(await platform.token(owner)) as api:
        for after in ("-1", "x", "9" * 30):
            assert (await api.get(path, params={"after": after})).status_code == 422
            assert (await api.get(path, headers={"Last-Event-ID": after})).status_code == 422
