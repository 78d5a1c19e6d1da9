"""Use cases of sources: add, look at, decide about what they propose, remove."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stead.catalog import public as catalog
from stead.core import authz, durable
from stead.core.authz import Action, Actor
from stead.core.db import Uow
from stead.core.durable import Plan, Submission
from stead.core.vault import Vault
from stead.kit import clock, ids
from stead.kit.secrets import Secret
from stead.sources import checks, repository
from stead.sources.errors import SourceAddressError, SourceExistsError, SourceUsedError
from stead.sources.models import SnapshotPackageRow, SnapshotRow, SourceRow
from stead.sources.schemas import (
    AddedOut,
    OfferedOut,
    SnapshotOut,
    SourceDetailOut,
    SourceIn,
    SourceOut,
    UseOut,
)

TOPIC: Final = "sources"
FOLDERS: Final = "sources.folders"
PLATFORM: Final = ""
KEY: Final = "key"
TOKEN: Final = "token"  # noqa: S105  (the name of a secret)
_SHOWN: Final = 20
Uses: TypeAlias = Callable[[Uow, str], Awaitable[Sequence[UseOut]]]


@dataclass(frozen=True, slots=True)
class Sources:
    """What sources need besides the database. ``uses`` tell what was installed from one."""

    catalog: catalog.Catalog
    vault: Vault
    refresh_plan: Plan
    folders: tuple[Path, ...] = ()
    uses: tuple[Uses, ...] = ()


async def list_(uow: Uow, actor: Actor, sources: Sources) -> list[SourceOut]:
    """Return where packages come from, the server's own folders first."""
    authz.enter(actor, Action.PLATFORM_READ)
    rows = await repository.list_(uow)
    accepted = await repository.current(uow, repository.ACCEPTED)
    opened = await repository.current(uow, repository.OPEN)
    known = await repository.all_packages(uow, [one.id for one in accepted.values()])
    found = [_folder(sources, place) for place in sources.folders]
    for row in rows:
        snapshot, proposed = accepted.get(row.id), opened.get(row.id)
        packages = known[snapshot.id] if snapshot is not None else []
        found.append(_out(row, packages, proposed))
    return found


async def get_(uow: Uow, actor: Actor, sources: Sources, name_or_id: str) -> SourceDetailOut:
    """Return one source with its packages and what uses it. Raises NotFoundError."""
    authz.enter(actor, Action.PLATFORM_READ)
    return await _detail(uow, sources, await find(uow, name_or_id))


async def add(uow: Uow, actor: Actor, sources: Sources, asked: SourceIn) -> AddedOut:
    """Put a source on record and queue the first look at it; nothing is offered yet."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    if await repository.find(uow, asked.name) is not None:
        raise SourceExistsError(f"There is a source {asked.name} already")
    place = checks.address(asked.url)
    key = _new_key() if place.scheme == "ssh" else None
    row = SourceRow(
        id=ids.new_id(),
        name=asked.name,
        url=place.url,
        ref=checks.ref(asked.ref),
        folder=checks.folder(asked.folder),
        signers=checks.signers(asked.signers),
        host_keys=checks.hosts(asked.host_keys, place),
        authority=_certificates(asked.authority),
        public_key=key[1] if key is not None else "",
        added_by=actor.name[:120],
        added_at=clock.utc_now(),
    )
    uow.session.add(row)
    await uow.session.flush()
    if key is not None:
        await sources.vault.put(uow, row.id, KEY, Secret(key[0]))
    if asked.token and place.scheme == "https":
        await sources.vault.put(uow, row.id, TOKEN, Secret(_basic(asked.token)))
    operation_id = await _submit(uow, sources, [row], by=actor.name)
    return AddedOut(source=await _detail(uow, sources, row), operation_id=operation_id)


async def refresh(uow: Uow, actor: Actor, sources: Sources, name_or_id: str) -> str:
    """Queue a look at what a source's branch holds now; return the operation."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await find(uow, name_or_id)
    return await _submit(uow, sources, [row], by=actor.name)


async def refresh_all(uow: Uow, actor: Actor, sources: Sources) -> str | None:
    """Read the server's folders anew and queue a look at every source."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    return await submit_all(uow, sources, by=actor.name)


async def submit_all(uow: Uow, sources: Sources, *, by: str, key: str | None = None) -> str | None:
    """Queue a look at every source, on behalf of somebody who may."""
    uow.wake(FOLDERS)
    rows = await repository.list_(uow)
    return await _submit(uow, sources, rows, by=by, key=key) if rows else None


async def remove(
    uow: Uow, actor: Actor, sources: Sources, name_or_id: str, *, forget: bool = False
) -> None:
    """Stop offering a source's packages. What runs goes on, on the very version it has.

    Raises SourceUsedError when something does, unless it may be forgotten where it came from.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row = await find(uow, name_or_id)
    uses = await _uses(uow, sources, row.id)
    if uses and not forget:
        names = ", ".join(one.what for one in uses[:5])
        more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""  # noqa: PLR2004
        raise SourceUsedError(
            f"{names}{more} came from {row.name}",
            hint="It runs on without the source, but nobody can install it anew: say forget",
        )
    await sources.vault.forget(uow, row.id)
    await repository.forget(uow, row.id)
    uow.wake(TOPIC)


async def find(uow: Uow, name_or_id: str) -> SourceRow:
    """Return a source. Raises NotFoundError."""
    row = await repository.find(uow, name_or_id)
    if row is None:
        raise authz.NotFoundError("There is no such source")
    return row


async def _submit(
    uow: Uow, sources: Sources, rows: Sequence[SourceRow], *, by: str, key: str | None = None
) -> str:
    what = rows[0].name if len(rows) == 1 else "all sources"
    asked = Submission(
        project_id=PLATFORM,
        subject=f"source:{rows[0].id}" if len(rows) == 1 else "platform:sources",
        title=f"Look for news in {what}",
        requested_by=by,
        params={"sources": [row.id for row in rows], "strict": len(rows) == 1 and key is None},
        idempotency_key=key,
        request_hash=key,
    )
    return await durable.submit(uow, sources.refresh_plan, asked)


async def _detail(uow: Uow, sources: Sources, row: SourceRow) -> SourceDetailOut:
    history = await repository.snapshots(uow, row.id, _SHOWN)
    accepted = (await repository.current(uow, repository.ACCEPTED)).get(row.id)
    proposed = (await repository.current(uow, repository.OPEN)).get(row.id)
    packages = await repository.packages(uow, accepted.id) if accepted is not None else []
    used = (await repository.users(uow)).get(row.id, frozenset())
    return SourceDetailOut(
        **_out(row, packages, proposed).model_dump(),
        signers=row.signers,
        host_keys=row.host_keys,
        authority=row.authority,
        public_key=row.public_key,
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by,
        added_by=row.added_by,
        offered=[_offered(sources, row, one) for one in packages],
        snapshots=[_snapshot(one) for one in history],
        projects=sorted(used),
        uses=await _uses(uow, sources, row.id),
    )


def _out(
    row: SourceRow, packages: Sequence[SnapshotPackageRow], proposed: SnapshotRow | None
) -> SourceOut:
    return SourceOut(
        id=row.id,
        name=row.name,
        kind="git",
        url=row.url,
        ref=row.ref,
        folder=row.folder,
        signed=bool(row.signers),
        revision=row.revision,
        proposed=proposed.revision if proposed is not None else None,
        packages=sum(not one.problems for one in packages),
        broken=sum(bool(one.problems) for one in packages),
        checked_at=row.checked_at,
        problem=row.problem,
    )


def _folder(sources: Sources, place: Path) -> SourceOut:
    kind: Literal["built-in", "folder"] = "built-in" if place == catalog.BUILT_IN else "folder"
    name = "built-in" if kind == "built-in" else str(place)
    own = [one for one in sources.catalog.packages.values() if one.origin is None]
    return SourceOut(
        id=name,
        name=name,
        kind=kind,
        url=str(place),
        ref="",
        folder="",
        signed=False,
        revision=None,
        proposed=None,
        packages=sum(one.place == place for one in own),
        broken=sum(place in (one.folder, one.folder.parent) for one in sources.catalog.broken),
        checked_at=None,
        problem=None,
    )


def _offered(sources: Sources, row: SourceRow, package: SnapshotPackageRow) -> OfferedOut:
    shown = sources.catalog.packages.get(package.name)
    held_by = None
    if shown is not None and not package.problems:
        origin = shown.origin
        if origin is None or origin.id != row.id:
            held_by = origin.name if origin is not None else "this server"
    return OfferedOut(
        name=package.name,
        version=package.version,
        problems=package.problems,
        held_by=held_by,
    )


def _snapshot(row: SnapshotRow) -> SnapshotOut:
    return SnapshotOut(
        revision=row.revision,
        signer=row.signer,
        state=row.state,
        found_at=row.found_at,
        decided_by=row.decided_by,
    )


async def _uses(uow: Uow, sources: Sources, source_id: str) -> list[UseOut]:
    found = [one for ask in sources.uses for one in await ask(uow, source_id)]
    return sorted(found, key=lambda one: (one.what, one.project_id))


def _basic(token: str) -> str:
    """Return what an HTTP server is told; hosts of repositories take any name with a token."""
    pair = token if ":" in token else f"git:{token}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _certificates(text: str) -> str:
    if not text.strip():
        return ""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        told = {"authority": "Give a certificate as PEM: -----BEGIN CERTIFICATE-----"}
        raise SourceAddressError("The source cannot be like this", fields=told) from error
    pem = serialization.Encoding.PEM
    return "".join(one.public_bytes(pem).decode() for one in found)


def _new_key() -> tuple[str, str]:
    """Make a key for one source; its private half never leaves this server."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private.decode(), f"{public.decode()} stead"
