"""Use cases of what a source proposes: look at the difference, accept it, refuse it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from stead.catalog import public as catalog
from stead.core import authz
from stead.core.authz import Action, Actor
from stead.core.blobs import Blobs
from stead.core.db import Uow
from stead.kit import clock, ids
from stead.sources import changes, repository, service
from stead.sources.errors import ProposalGoneError, UnsignedError
from stead.sources.models import SnapshotPackageRow, SnapshotRow, SourceRow, VersionRow
from stead.sources.reading import Found
from stead.sources.schemas import FileChangeOut, PackageChangeOut, ProposalOut

REFUSED = "refused"
REPLACED = "replaced"


async def record(
    uow: Uow, row: SourceRow, commit: str, signer: str, found: Sequence[tuple[Found, str | None]]
) -> bool:
    """Write down what a commit holds, unless that is known; tell whether it is a proposal.

    A commit that was refused stays refused, and one that a newer one follows goes with it.
    """
    row.checked_at, row.problem = clock.utc_now(), None
    uow.wake(service.TOPIC)
    known = await repository.find_snapshot(uow, row, commit)
    if known is not None:
        known.signer = signer or known.signer
    for older in await repository.in_state(uow, row.id, repository.OPEN):
        if known is None or older.id != known.id:
            older.state = REPLACED
    if known is not None:
        if known.state == REPLACED and commit != row.revision:
            # A branch that went back proposes what it held before.
            known.state = repository.OPEN
        return known.state == repository.OPEN
    snapshot = SnapshotRow(
        id=ids.new_id(),
        source_id=row.id,
        revision=commit,
        folder=row.folder,
        signer=signer,
        state=repository.OPEN,
        found_at=clock.utc_now(),
    )
    uow.session.add(snapshot)
    await uow.session.flush()
    versions = await repository.versions(uow, row.id)
    for one, content in found:
        uow.session.add(_package(snapshot, one, content, versions))
    return True


async def get_proposal(uow: Uow, actor: Actor, blobs: Blobs, name_or_id: str) -> ProposalOut:
    """Return how what is proposed differs from what is accepted. Raises ProposalGoneError."""
    authz.enter(actor, Action.PLATFORM_READ)
    row = await service.find(uow, name_or_id)
    proposed = await repository.in_state(uow, row.id, repository.OPEN)
    if not proposed:
        raise ProposalGoneError(f"{row.name} proposes nothing new")
    accepted = await repository.in_state(uow, row.id, repository.ACCEPTED)
    before = await repository.packages(uow, accepted[-1].id) if accepted else []
    after = await repository.packages(uow, proposed[-1].id)
    return ProposalOut(
        revision=proposed[-1].revision,
        accepted=row.revision,
        signer=proposed[-1].signer,
        found_at=proposed[-1].found_at,
        packages=await asyncio.to_thread(_compare, blobs, before, after),
    )


async def accept(uow: Uow, actor: Actor, name_or_id: str, commit: str) -> None:
    """Offer what this commit holds from now on; twice is fine. An earlier one goes back to it.

    Raises ProposalGoneError for a commit that nobody looked at.
    """
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row, snapshot = await _find(uow, name_or_id, commit)
    if row.signers and not snapshot.signer:
        raise UnsignedError(f"Nobody signed commit {commit[:12]}, as the source demands")
    if snapshot.state == repository.ACCEPTED:
        return
    since: dict[str, SnapshotPackageRow] = {}
    for older in await repository.in_state(uow, row.id, repository.ACCEPTED):
        older.state = REPLACED
        packages = await repository.packages(uow, older.id)
        since = {one.name: one for one in packages if not one.problems}
    _decide(snapshot, actor, repository.ACCEPTED)
    versions = await repository.versions(uow, row.id)
    for one in await repository.packages(uow, snapshot.id):
        one.problems = one.problems or _version_problems(one.name, one, versions)
        one.since = since[one.name].since if one.name in since else clock.utc_now()
        if not one.problems and (one.name, one.version) not in versions and one.digest:
            kept = VersionRow(source_id=row.id, name=one.name, version=one.version)
            kept.digest = one.digest
            uow.session.add(kept)
    row.revision, row.accepted_at = commit, snapshot.decided_at
    row.accepted_by = snapshot.decided_by
    uow.wake(service.TOPIC)


async def refuse(uow: Uow, actor: Actor, name_or_id: str, commit: str) -> None:
    """Leave things as they are; the commit is not proposed again. Twice is fine."""
    authz.enter(actor, Action.PLATFORM_MANAGE)
    row, snapshot = await _find(uow, name_or_id, commit)
    if snapshot.state == repository.ACCEPTED:
        raise ProposalGoneError(f"{commit[:12]} is what {row.name} offers now")
    _decide(snapshot, actor, REFUSED)
    uow.wake(service.TOPIC)


def _decide(snapshot: SnapshotRow, actor: Actor, state: str) -> None:
    snapshot.state, snapshot.decided_at = state, clock.utc_now()
    snapshot.decided_by = actor.name[:120]


async def _find(uow: Uow, name_or_id: str, commit: str) -> tuple[SourceRow, SnapshotRow]:
    found = await service.find(uow, name_or_id)
    row = await repository.lock(uow, found.id) or found
    snapshot = await repository.find_snapshot(uow, row, commit)
    if snapshot is None:
        raise ProposalGoneError(
            f"Commit {commit[:12]} is none that {row.name} proposed",
            hint="Look at what it proposes now",
        )
    return row, snapshot


def _package(
    snapshot: SnapshotRow,
    found: Found,
    content: str | None,
    versions: Mapping[tuple[str, str], str],
) -> SnapshotPackageRow:
    row = SnapshotPackageRow(
        snapshot_id=snapshot.id,
        name=found.name,
        version=found.version,
        digest=found.digest,
        content=content,
        since=snapshot.found_at,
    )
    row.problems = list(found.problems) or _version_problems(found.name, row, versions)
    return row


def _version_problems(
    name: str, row: SnapshotPackageRow, versions: Mapping[tuple[str, str], str]
) -> list[str]:
    """Refuse to call something by a version that meant something else before."""
    if versions.get((name, row.version), row.digest) == row.digest:
        return []
    return [f"manifest.yml: version {row.version} was something else before; raise the version"]


def _compare(
    blobs: Blobs, before: Sequence[SnapshotPackageRow], after: Sequence[SnapshotPackageRow]
) -> list[PackageChangeOut]:
    old, new = {one.name: one for one in before}, {one.name: one for one in after}
    return [_change(blobs, name, old.get(name), new.get(name)) for name in sorted({*old, *new})]


def _change(
    blobs: Blobs, name: str, old: SnapshotPackageRow | None, new: SnapshotPackageRow | None
) -> PackageChangeOut:
    change: Literal["added", "changed", "removed", "same"] = "changed"
    if old is None or new is None:
        change = "added" if old is None else "removed"
    elif (old.content, old.problems) == (new.content, new.problems):
        change = "same"
    files: list[FileChangeOut] = []
    if change not in ("same", "removed"):
        files = changes.files(_files(blobs, old), _files(blobs, new))
    return PackageChangeOut(
        name=name,
        change=change,
        before=old.version if old is not None else "",
        after=new.version if new is not None else "",
        problems=new.problems if new is not None else [],
        files=files,
    )


def _files(blobs: Blobs, row: SnapshotPackageRow | None) -> dict[str, bytes]:
    packed = blobs.find(row.content) if row is not None and row.content else None
    return catalog.unpack(packed) if packed is not None else {}
