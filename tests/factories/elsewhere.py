"""A project that deploys to a Proxmox stand-in: worker, edge and what runs in its guests.

The guests take their token from where a real one would find it, with the agent's own code, and
speak the agents' own protocol.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
from tests.db.infra.connected import BASE, PATIENCE, opened, request
from tests.factories.platform import RANGE, Platform
from tests.proxmox import presets
from tests.proxmox.access import Grant
from tests.proxmox.double import Double
from tests.proxmox.world import Guest

from stead.core import pki
from stead.core.authz import Actor, Role
from stead.core.durable import Checkpoint, Worker
from stead.deployments import elsewhere, workflows
from stead.deployments.public import Deployments
from stead.deployments.publishing import Doorway, Outside
from stead.edge.snapshot import Report
from stead.engines.drivers.proxmox import access
from stead.engines.drivers.proxmox.mapping import read_record
from stead.entrypoints import simulated_guests
from stead.exposure import service as exposure
from stead.infra.fleet import Fleet
from stead.instances import workflows as warming
from stead.instances.warm import Filling
from stead.kit import ids
from stead_agent import keyline

CLUSTER = "house"
HOSTING = {
    "image": presets.ARCHIVE,
    "network": "10.78.0.0/24",
    "first": "10.78.0.100",
    "last": "10.78.0.102",
    "gateway": "10.78.0.1",
    "nameserver": "10.78.0.1",
}
DOORWAY = Doorway("192.0.2.1", 8444, "a certificate", "ab" * 32)


def may_inject(double: Double) -> None:
    """Let the control plane's user open consoles by throw-away users, as its wizard would."""
    world = double.world
    world.access.groups[access.CONSOLE_GROUP] = ""
    for name, held in access.roles().items():
        world.access.roles[name] = set(held.split(","))
    for path in (f"/access/groups/{access.CONSOLE_GROUP}", "/access/realm/pve"):
        world.access.acl[Grant(path, "user", "ctl@pve", access.USERS_ROLE)] = 1
    world.access.acl[Grant("/", "user", "ctl@pve", access.AUDIT_ROLE)] = 0


@dataclass
class House:
    """The platform, the stand-in, and who asks."""

    platform: Platform
    double: Double
    admin: httpx.AsyncClient
    api: httpx.AsyncClient
    lives: dict[tuple[int, float], asyncio.Task[None]] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    # Where a guest's requests come from, if not from its own address.
    forged: str = ""
    # Guests without an agent.
    mute: bool = False
    person: Actor | None = None

    def ours(self) -> dict[str, Guest]:
        """Return the guests on the stand-in that carry our record, by host name."""
        return {
            str(guest.config.get("hostname") or guest.config.get("name")): guest
            for guest in self.double.world.guests.values()
            if read_record(str(guest.config.get("description", ""))) is not None
        }

    def strangers(self) -> list[str]:
        """Return the users that a console was opened by and that are still there."""
        return [user for user in self.double.world.access.users if user.startswith("stead-inj-")]

    async def deploy(self, name: str = "site", **more: str) -> dict[str, Any]:
        """Ask for a small site there; return what was accepted."""
        body = {"app": "static-site", "name": name, "cluster": CLUSTER, **more}
        answer = await self.api.post("/api/v1/deployments", json=body)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def ended(self, operation_id: str) -> dict[str, Any]:
        """Wait for the end of an operation."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.admin.get(f"/api/v1/operations/{operation_id}")
                found: dict[str, Any] = answer.json()
                if found["finished_at"]:
                    return found
                await asyncio.sleep(0.05)

    async def records(self) -> dict[str, int]:
        """Count what a deployment reserves."""
        tables = ("instance", "address", "claim", "hosted_guest", "route", "enrolment")
        async with self.platform.database.engine.connect() as connection:
            return {
                table: (
                    await connection.exec_driver_sql(
                        f"select count(*) from {table}"  # noqa: S608  (names from above)
                    )
                ).scalar_one()
                for table in tables
            }

    async def work(self) -> None:
        """Run the worker until it is cancelled or killed."""
        await work(self.platform, self.checkpoint)

    async def live(self) -> None:
        """Let guests that boot do what their agent does at boot."""
        async with asyncio.TaskGroup() as group:
            while True:
                running = {
                    (guest.vmid, guest.started): guest
                    for guest in self.double.world.guests.values()
                    if guest.running
                }
                for gone in self.lives.keys() - running.keys():
                    self.lives.pop(gone).cancel()
                for key in running.keys() - self.lives.keys():
                    self.lives[key] = group.create_task(self._boot(running[key]))
                await asyncio.sleep(0.02)

    async def _boot(self, guest: Guest) -> None:
        token = token_at_boot(guest)
        if token is None or self.mute:
            return
        # A container's address is on its card, a virtual machine has it of cloud-init.
        told = str(guest.config.get("ipconfig0") or guest.config["net0"])
        net = dict(part.split("=", 1) for part in told.split(","))
        address = self.forged or net["ip"].partition("/")[0]
        transport = httpx.ASGITransport(self.platform.agents, client=(address, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url="https://x.invalid") as http:
            await simulated_guests.live(http, token)


async def work(platform: Platform, checkpoint: Checkpoint | None = None) -> None:
    """Run a worker of all that deployments do, until it is cancelled or killed."""
    deployments = platform.services.get(Deployments)
    plans = (
        deployments.deploy_plan,
        deployments.cluster_plan,
        deployments.remove_plan,
        platform.services.get(Filling).plan,
    )
    worker = Worker(platform.database, plans, owner=ids.new_id(), checkpoint=checkpoint)
    await worker.run(alone=True)


def token_at_boot(guest: Guest) -> str | None:
    """Return what the agent in a guest finds as it boots: its bootstrap, else a key's comment."""
    if content := guest.files.get(workflows.BOOTSTRAP):
        found: str = json.loads(content)["token"]
        return found
    ticket = keyline.parse(guest.files.get("/root/.ssh/authorized_keys", b"").decode())
    return ticket.token if ticket is not None else None


@contextlib.asynccontextmanager
async def house(platform: Platform, double: Double, folder: Path) -> AsyncIterator[House]:
    """Take the stand-in over, let deployments be put there, and let everything work."""
    project = await platform.project("team")
    person = await platform.person("Anna", **{project: Role.DEVELOPER})
    token = await platform.token(person)
    async with opened(platform) as admin, platform.api(token) as api, visited(folder) as port:
        one = House(platform, double, admin, api, person=person)
        assemble(platform, folder, port)
        await take_over(one)
        tasks = {asyncio.create_task(each) for each in (one.live(), edge(platform))}
        try:
            yield one
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await platform.services.get(Fleet).close_all()


@contextlib.asynccontextmanager
async def at_work(one: House) -> AsyncIterator[asyncio.Task[None]]:
    """Run the worker meanwhile."""
    task = asyncio.create_task(one.work())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def continue_after_death(one: House, step: str) -> None:
    """Deploy with a worker that dies after a step's effect, and see that the next one ends it."""
    died = asyncio.Event()

    def checkpoint(_kind: str, name: str, phase: str) -> None:
        if (name, phase) == (step, "effected"):
            died.set()
            raise asyncio.CancelledError

    one.checkpoint = checkpoint
    async with at_work(one):
        accepted = await one.deploy()
        await asyncio.wait_for(died.wait(), 60)
    one.checkpoint = None
    async with at_work(one):
        done = await one.ended(accepted["operation_id"])
    assert done["state"] == "succeeded", done["error"]
    assert len(one.ours()) == 1


def assemble(platform: Platform, folder: Path, port: int) -> None:
    fleet = platform.services.get(Fleet)
    tools = workflows.Tools(
        database=platform.database,
        engines=fleet.engine,
        vault=platform.vault,
        authority=pki.load(folder),
        outside=Outside("127.0.0.1", port, folder / "ca.pem"),
        image="stead-base",
        agent_port=8444,
        network_range=RANGE,
        open_gateway=_open,
        doorway=DOORWAY,
    )
    filled = warming.fill_plan(warming.Tools(platform.database, fleet.engine, "stead-base"))
    platform.services.add(Filling(filled))
    known = platform.services.get(Deployments)
    platform.services.add(
        replace(
            known,
            deploy_plan=workflows.deploy_plan(tools),
            cluster_plan=elsewhere.cluster_plan(tools),
            remove_plan=workflows.remove_plan(tools),
        )
    )


async def _open(_address: IPv4Address) -> None:
    """Listen nowhere: guests here speak to the application itself."""


async def take_over(one: House) -> None:
    """Connect the stand-in and have it managed, without the test that comes before."""
    may_inject(one.double)
    answer = await one.admin.post(BASE, json=request(one.double, CLUSTER))
    assert answer.status_code == 202, answer.text
    async with one.platform.database.engine.begin() as connection:
        await connection.exec_driver_sql(
            "update cluster set mode = 'managed' where name = 'house'"
        )
    answer = await one.admin.put(f"{BASE}/{CLUSTER}/hosting", json=HOSTING)
    assert answer.status_code == 200, answer.text


async def edge(platform: Platform) -> None:
    """Serve every snapshot at once, as far as the control plane can tell."""
    async with platform.database.write() as uow:
        await exposure.ensure_edge(uow, "one", "token")
        edge_id = await exposure.recognise_edge(uow, "token")
    while True:
        seen = platform.database.bus.version(exposure.SNAPSHOT_TOPIC)
        async with platform.database.write() as uow:
            snapshot = await exposure.build_snapshot(uow, platform.vault)
            report = Report(epoch=snapshot.epoch, version=snapshot.version, routes={}, error="")
            await exposure.record_report(uow, edge_id, report)
        await platform.database.bus.changed(exposure.SNAPSHOT_TOPIC, seen, 1)


@contextlib.asynccontextmanager
async def visited(folder: Path) -> AsyncIterator[int]:
    """Answer for every app, with a certificate of ours; gives the port."""
    leaf = pki.load(folder).issue(
        names=("site.apps.stead.localhost", "site-2.apps.stead.localhost")
    )
    (folder / "leaf.crt").write_text(leaf.chain)
    (folder / "leaf.key").write_text(leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.crt", folder / "leaf.key")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
