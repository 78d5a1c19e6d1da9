"""Use cases of connecting clusters: look at a certificate, connect, test, let go.

A connected cluster is only looked at until somebody takes it over. Looking at a certificate is
the one thing here that touches the network: it asks no engine anything and sends nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.core.vault import Vault
from stead.engines import connections, registry, trust
from stead.engines.connections import Connection
from stead.engines.errors import UnreachableError
from stead.infra import clusters, inventory, news, repository
from stead.infra.errors import (
    ClusterExistsError,
    ClusterNameError,
    EmbeddedError,
    NoCertificateError,
    NotConfirmedError,
)
from stead.infra.models import ClusterRow
from stead.infra.news import Item, Kind
from stead.infra.rules import Mode, is_name
from stead.infra.schemas import ConnectedOut, EngineOut, FieldOut, NewClusterIn, ProbeOut
from stead.kit import clock, ids
from stead.kit.secrets import Secret

NOBODY: Final = ""


@dataclass(frozen=True, slots=True)
class Connecting:
    """What connecting needs besides the database."""

    vault: Vault
    check_plan: Plan
    rotate_plan: Plan
    takeover_plan: Plan
    evacuate_plan: Plan
    restore_plan: Plan

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Return what the worker has to know."""
        nodes = self.evacuate_plan, self.restore_plan
        return self.check_plan, self.rotate_plan, self.takeover_plan, *nodes


def engines(actor: Actor) -> list[EngineOut]:
    """Return the engines whose clusters can be connected, and what each asks for."""
    authz.enter(actor, Action.PLATFORM_READ)
    return [_engine(connections.of(name)) for name in connections.names()]


def credentials(actor: Actor, engine: str) -> list[FieldOut]:
    """Return what is asked for to replace the credentials of an engine's cluster."""
    authz.enter(actor, Action.PLATFORM_READ)
    connection = connections.of(engine)
    known = connection.credentials()
    return [one for one in _engine(connection).fields if one.name in known]


async def probe(actor: Actor, engine: str, options: Mapping[str, str]) -> ProbeOut:
    """Look at the certificate that an address shows. Nothing of ours is sent there."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    return await _probe(connections.of(engine), options)


async def target(uow: Uow, actor: Actor, name_or_id: str) -> tuple[str, dict[str, str], str]:
    """Return engine, address and trusted fingerprint of a cluster, to look at it again."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await connected(uow, name_or_id)
    return row.engine, dict(row.options), row.fingerprint or ""


async def connect(
    uow: Uow, actor: Actor, connecting: Connecting, asked: NewClusterIn
) -> ConnectedOut:
    """Put a cluster on record, to be watched and not changed; queue its first test."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    if not is_name(asked.name):
        raise ClusterNameError(
            f"A cluster cannot be called {asked.name!r}",
            hint="Use small letters, digits and hyphens, and begin with a letter",
        )
    connection = connections.of(asked.engine)
    options = connection.check(asked.options)
    pin = _confirmed(connection, asked.fingerprint)
    await _try_open(connection, options, pin)
    await _require_new(uow, asked.name, connection, options)
    secrets = connection.secrets()
    row = ClusterRow(
        id=ids.new_id(),
        name=asked.name,
        engine=asked.engine,
        created_at=clock.utc_now(),
        mode=Mode.READ_ONLY,
        options={name: text for name, text in options.items() if name not in secrets},
        fingerprint=pin or None,
        connected_by=actor.name[:120],
        revision=0,
        state="new",
        nodes=[],
        capabilities=[],
        maintenance=False,
        simulated=False,
    )
    uow.session.add(row)
    await uow.session.flush()
    for name in secrets & options.keys():
        await connecting.vault.put(uow, row.id, name, Secret(options[name]))
    words = f"{actor.name} connected the cluster, to be looked at only"
    await news.tell(uow, row.id, [Item(Kind.CONNECTED, words)])
    uow.wake(news.CLUSTERS)
    operation_id = await submit_check(uow, actor, connecting, row)
    shown = await clusters.describe(uow, row)
    return ConnectedOut(cluster=shown, operation_id=operation_id)


async def check(uow: Uow, actor: Actor, connecting: Connecting, name_or_id: str) -> str:
    """Queue a test of a cluster, which changes nothing there; return its operation."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await clusters.find(uow, name_or_id)
    return await submit_check(uow, actor, connecting, row)


async def confirm(uow: Uow, actor: Actor, name_or_id: str, fingerprint: str) -> ClusterRow:
    """Trust the certificate with this fingerprint from now on; twice is fine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await connected(uow, name_or_id)
    pin = _confirmed(connections.of(row.engine), fingerprint)
    if row.fingerprint != pin:
        row.fingerprint, row.revision = pin, row.revision + 1
        words = f"{actor.name} confirmed the certificate {pin}"
        await news.tell(uow, row.id, [Item(Kind.CONNECTED, words)])
        uow.wake(news.CLUSTERS)
    return row


async def submit_check(uow: Uow, actor: Actor, connecting: Connecting, row: ClusterRow) -> str:
    """Queue the test of a cluster."""
    return await submit(uow, actor, connecting.check_plan, row, f"Test the cluster {row.name}")


async def submit(
    uow: Uow, actor: Actor, plan: Plan, row: ClusterRow, title: str, **params: str
) -> str:
    """Queue an operation on a cluster."""
    asked = Submission(
        project_id=NOBODY,
        subject=f"cluster:{row.id}",
        title=title,
        requested_by=actor.name,
        params={"cluster_id": row.id, **params},
    )
    return await durable.submit(uow, plan, asked)


async def _probe(connection: Connection, options: Mapping[str, str]) -> ProbeOut:
    if not connection.address:
        return ProbeOut(engine=connection.engine)
    host, port = connection.endpoint(options)
    try:
        found = await trust.shown(host, port)
    except UnreachableError as error:
        raise NoCertificateError(error.message, hint=error.hint) from error
    return ProbeOut(
        engine=connection.engine,
        host=host,
        port=port,
        fingerprint=found.fingerprint,
        subject=inventory.clean(found.subject, 300),
        issuer=inventory.clean(found.issuer, 300),
        expires_at=found.expires_at,
    )


async def connected(uow: Uow, name_or_id: str) -> ClusterRow:
    """Return a cluster that people connected. Raises NotFound and Embedded."""
    row = await clusters.find(uow, name_or_id)
    if row.mode == Mode.EMBEDDED:
        raise EmbeddedError(
            f"How the cluster {row.name} is reached is said by this server's settings",
            hint="Change it in the settings file and restart stead serve",
        )
    return row


def _confirmed(connection: Connection, fingerprint: str) -> str:
    if not connection.pin:
        return ""
    if not fingerprint.strip():
        raise NotConfirmedError(
            "Nobody has confirmed the certificate of this cluster",
            hint="Look at it first (probe), compare it on the host, and send its fingerprint",
        )
    return trust.normal(fingerprint)


async def _try_open(connection: Connection, options: Mapping[str, str], pin: str) -> None:
    """Let the driver say what is wrong with the options; it asks nobody anything."""
    trusted = {connection.pin: pin} if pin else {}
    driver = registry.connect(connection.engine, {**options, **trusted})
    await driver.close()


async def _require_new(
    uow: Uow, name: str, connection: Connection, options: Mapping[str, str]
) -> None:
    identity = connection.identity(options)
    for row in await repository.clusters(uow):
        if row.name == name:
            raise ClusterExistsError(f"There is a cluster {name} already")
        same = row.engine == connection.engine and row.mode != Mode.EMBEDDED
        if same and identity and connection.identity(row.options) == identity:
            raise ClusterExistsError(
                f"This cluster is connected already, as {row.name}",
                hint="Two records of one cluster would take each other's guests for strangers",
            )


def _engine(connection: Connection) -> EngineOut:
    return EngineOut(
        engine=connection.engine,
        title=connection.title,
        address=connection.address,
        pin=connection.pin,
        fields=[
            FieldOut(
                name=one.name,
                label=one.label,
                help=one.help,
                required=one.required,
                secret=one.secret,
                multiline=one.multiline,
                default=one.default,
            )
            for one in connection.fields
        ],
    )
