"""Use cases of plain servers: let one join with a one-time token, and let it go again."""

import shlex
from dataclasses import dataclass
from typing import Final

from stead.agents import public as agents
from stead.core import authz, pki
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.settings import Settings
from stead.core.vault import Vault
from stead.fleet import repository
from stead.fleet.errors import InvalidError, NoServersError, ServerNameTakenError
from stead.fleet.models import ServerRow
from stead.fleet.schemas import EnrolmentOut, ServerIn
from stead.identity import public as identity
from stead.kit import clock, ids
from stead.kit.text import is_name

_FOLDER: Final = "/usr/local/lib/stead-agent"
# Nothing that comes over the network runs before its checksum was compared with the one here.
_STEPS: Final = (
    "set -e",
    "umask 022",
    "command -v python3 >/dev/null || apt-get install -y -q python3",
    "mkdir -p {folder}",
    "curl -fsSk --pinnedpubkey sha256//{key_pin} -o {folder}/new {url}/agent/v1/stead-agent.pyz",
    'echo "{checksum}  {folder}/new" | sha256sum -c',
    "mv {folder}/new {folder}/stead-agent.pyz",
    "exec python3 -I {folder}/stead-agent.pyz join --server {url} --pin {pin}",
)


@dataclass(frozen=True, slots=True)
class Doorway:
    """Where agents of plain servers call, and what proves that it is us."""

    url: str
    pinned: pki.Pinned


async def add(uow: Uow, actor: Actor, settings: Settings, asked: ServerIn) -> EnrolmentOut:
    """Expect a server, and return how it joins."""
    project_id = await identity.project_id(uow, actor, asked.project)
    authz.require(actor, Action.SERVER_MANAGE, project_id, "project")
    doorway = _doorway(settings)
    if not is_name(asked.name):
        raise InvalidError(
            "The name does not fit",
            fields={
                "name": "Up to 40 lower-case letters, digits and hyphens, beginning with a letter"
            },
        )
    if await repository.find_server_by_name(uow, project_id, asked.name) is not None:
        raise ServerNameTakenError(
            f"The project already has a server named {asked.name}",
            fields={"name": "This name is taken"},
        )
    row = ServerRow(
        id=ids.new_id(),
        project_id=project_id,
        name=asked.name,
        added_by=actor.name,
        created_at=clock.utc_now(),
    )
    uow.session.add(row)
    await uow.session.flush()
    return await _enrolment(uow, doorway, row)


async def renew(uow: Uow, actor: Actor, settings: Settings, server_id: str) -> EnrolmentOut:
    """Return a new token for a server; its agent so far works until the new one has joined."""
    row = await _get(uow, actor, server_id)
    return await _enrolment(uow, _doorway(settings), row)


async def remove(uow: Uow, actor: Actor, vault: Vault, server_id: str) -> None:
    """Forget a server: its agent is refused from now on. Nothing changes on the machine."""
    row = await _get(uow, actor, server_id)
    await agents.revoke(uow, vault, row.id)
    await repository.delete_server(uow, row.id)


async def _get(uow: Uow, actor: Actor, server_id: str) -> ServerRow:
    row = await repository.find_server(uow, server_id)
    if row is None:
        raise authz.NotFoundError("There is no such server, or it is not yours")
    authz.require(actor, Action.SERVER_MANAGE, row.project_id, "server")
    return row


async def _enrolment(uow: Uow, doorway: Doorway, row: ServerRow) -> EnrolmentOut:
    checksum = agents.program().digest
    words = "; ".join(_STEPS).format(
        folder=_FOLDER,
        url=doorway.url,
        checksum=checksum,
        pin=doorway.pinned.fingerprint,
        key_pin=doorway.pinned.key_pin,
    )
    return EnrolmentOut(
        id=row.id,
        name=row.name,
        command=f"sudo sh -c {shlex.quote(words)}",
        token=await agents.issue_enrolment(uow, row.id),
        checksum=checksum,
        pin=doorway.pinned.fingerprint,
    )


def _doorway(settings: Settings) -> Doorway:
    server = settings.server
    if server.agent_address is None:
        raise NoServersError(
            "This platform has no address at which servers could call",
            hint="Set server.agent_address to an address of this machine and restart stead serve",
        )
    pinned = pki.ensure_pinned(server.agent_tls, server.agent_address)
    return Doorway(f"https://{server.agent_address}:{server.agent_port}", pinned)
