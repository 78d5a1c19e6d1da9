"""The inventory: what looks at a cluster found, held against the claims on its guests.

A look only ever adds to what is known. Nothing here asks an engine or deletes a guest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from stead.core.db import Uow
from stead.engines.values import Guest
from stead.infra import news, repository, rules
from stead.infra.models import ClaimRow, ClusterRow, SightingRow
from stead.infra.news import Item, Kind
from stead.infra.rules import GONE_AFTER, IN_HAND, Agreed, Seen, Standing, Wanted

# Engines answer out of a memory that may be some seconds old. What a look of this time after
# a change of ours says about that guest is not held against anybody.
SETTLING: Final = timedelta(seconds=10)
_CONTROLS: Final = dict.fromkeys([*range(32), 127])


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. ``complete`` ones asked for every guest, so absence counts.

    ``only`` names the guests of which something may be new; of the others the caller knows
    that they are as they were recorded.
    """

    began_at: datetime
    guests: tuple[Guest, ...]
    complete: bool = True
    only: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a look left: the guests of which another one soon would say more."""

    open: frozenset[str]
    items: int

    @property
    def pending(self) -> bool:
        """Tell whether another look soon would say more."""
        return bool(self.open)


async def record(uow: Uow, cluster_id: str, look: Look) -> Recorded:
    """Write down what a look found; the same look again changes nothing."""
    cluster = await repository.get_cluster(uow, cluster_id)
    seen = named(look.guests)
    only = look.only if look.complete else frozenset(seen)
    rows = await repository.sightings(uow, cluster_id, only)
    claims = await repository.claims(uow, cluster_id, only)
    page = _Page(
        cluster,
        look,
        {row.native_name: row for row in rows},
        {row.native_name: row for row in claims},
    )
    first = cluster.looked_at is None
    for name in seen if only is None else seen.keys() & only:
        page.see(name, seen[name])
    if look.complete:
        page.miss()
        cluster.looked_at = look.began_at
    uow.session.add_all(page.fresh)
    for row in page.dropped:
        await uow.session.delete(row)
    items = [Item(Kind.FIRST_LOOK, f"The first look found {len(page.rows)} guests")]
    items = items if first else page.items
    await news.tell(uow, cluster_id, items)
    return Recorded(frozenset(page.open), len(items))


async def forget_looks(uow: Uow) -> None:
    """Take nothing for current that was seen before; the next look counts as the first."""
    for cluster in await repository.clusters(uow):
        cluster.looked_at = None


def named(guests: Iterable[Guest]) -> Mapping[str, Guest]:
    """Return guests by a name that fits the table; of several with one name, ours comes first."""
    found: dict[str, Guest] = {}
    for guest in sorted(guests, key=lambda one: not one.key):
        name = label = clean(guest.name, 240)
        number = 1
        while label in found:
            number += 1
            label = f"{name} ({number})"
        found[label] = guest
    return found


def clean(text: str, limit: int) -> str:
    """Return an engine's text as every database can hold it and every page can show it."""
    return text[:limit].translate(_CONTROLS).encode(errors="replace").decode()


def judge(row: SightingRow, claim: ClaimRow | None) -> None:
    """Set what a guest that is there is to us."""
    if claim is None:
        row.standing, row.reason = Standing.UNKNOWN, ""
    elif claim.key == row.key:
        agreed = Agreed(claim.wanted, claim.node, claim.agreed)
        standing, reason = rules.judge(agreed, _seen(row))
        row.standing, row.reason = standing, reason[:400]


def agree(claim: ClaimRow, row: SightingRow) -> None:
    """Take a guest as it is for what was agreed on."""
    seen = _seen(row)
    claim.agreed, claim.node = dict(seen.definition), seen.node
    if claim.wanted == Wanted.UNSET and seen.state in {Wanted.RUNNING, Wanted.STOPPED}:
        claim.wanted = seen.state


@dataclass(slots=True)
class _Page:
    """The work of one look."""

    cluster: ClusterRow
    look: Look
    rows: dict[str, SightingRow]
    claims: dict[str, ClaimRow]
    items: list[Item] = field(default_factory=list)
    fresh: list[SightingRow] = field(default_factory=list)
    dropped: list[SightingRow] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)

    def see(self, name: str, guest: Guest) -> None:
        """Take over one guest that is there."""
        self.found.add(name)
        row, claim = self.rows.get(name), self.claims.get(name)
        if row is not None and row.released_at is not None:
            if self.look.began_at < row.released_at + SETTLING:
                # The engine, or this look, is slower than its deletion.
                self.open.add(name)
                return
            row.released_at = None
        before = (row.state, row.standing) if row is not None else None
        if row is None:
            row = self._new(name)
        row.missed, row.last_seen_at = 0, self._last_seen(row, guest)
        _take(row, guest)
        if claim is not None and _is_nameless(guest):
            # Its engine cannot deny that it is ours while it says no more than its name.
            row.key, row.owner = row.key or claim.key, row.owner or claim.owner
        if claim is not None:
            self._hold_against(claim, row)
        judge(row, claim)
        if claim is not None and claim.key != row.key:
            self._foreign(claim, row)
        self._compare(before, row)

    def miss(self) -> None:
        """Count this look for all that it did not find."""
        for name, claim in self.claims.items():
            if name not in self.found:
                self._miss_claim(name, claim)
        for name, row in self.rows.items():
            if name not in self.found and name not in self.claims:
                self._miss_unclaimed(row)

    def _last_seen(self, row: SightingRow, guest: Guest) -> datetime | None:
        """Return when a guest was last heard from, unless that is by this look."""
        if guest.state != rules.UNHEARD:
            return None
        before = self.cluster.looked_at if row.state else None
        return row.last_seen_at if row.state == rules.UNHEARD else before

    def _new(self, name: str) -> SightingRow:
        row = SightingRow(
            cluster_id=self.cluster.id,
            native_name=name,
            first_seen_at=self.look.began_at,
            standing=Standing.KNOWN,
            reason="",
            state="",
            missed=0,
        )
        self.rows[name] = row
        self.fresh.append(row)
        return row

    def _hold_against(self, claim: ClaimRow, row: SightingRow) -> None:
        if claim.key != row.key:
            return
        claim.missed = 0
        if claim.wanted not in IN_HAND and claim.agreed is None:
            if self._settled(claim) and row.state in {Wanted.RUNNING, Wanted.STOPPED}:
                agree(claim, row)
            else:
                self.open.add(claim.native_name)

    def _foreign(self, claim: ClaimRow, row: SightingRow) -> None:
        """Our name is taken by a guest that is not ours: it is left alone, ours is lost."""
        self._count(claim)
        if claim.missed >= GONE_AFTER:
            row.standing = Standing.LOST
            row.reason = rules.gone(claim.missed, foreign=True, seen_before=True)

    def _miss_claim(self, name: str, claim: ClaimRow) -> None:
        row = self.rows.get(name)
        self._count(claim)
        if row is not None:
            self._count_row(row)
        if claim.missed < GONE_AFTER:
            return
        before = (row.state, row.standing) if row is not None else None
        if row is None:
            row = self._new(name)
            row.key, row.owner, row.state, row.addresses = claim.key, claim.owner, "absent", []
            row.first_seen_at, row.missed = None, claim.missed
        row.standing = Standing.LOST
        row.reason = rules.gone(
            GONE_AFTER, foreign=False, seen_before=row.first_seen_at is not None
        )
        self._compare(before, row)

    def _miss_unclaimed(self, row: SightingRow) -> None:
        self._count_row(row)
        if row.released_at is not None or row.missed >= GONE_AFTER:
            self.dropped.append(row)
            if row.released_at is None:
                name = row.native_name
                self.items.append(Item(Kind.GONE, f"{name} is not there any more", name))
        else:
            self.open.add(row.native_name)

    def _count(self, claim: ClaimRow) -> None:
        if claim.wanted in IN_HAND:
            return
        if self._settled(claim) and claim.missed < GONE_AFTER:
            claim.missed += 1
        if claim.missed < GONE_AFTER:
            self.open.add(claim.native_name)

    def _count_row(self, row: SightingRow) -> None:
        if row.missed == 0 and row.state != rules.UNHEARD:
            row.last_seen_at = self.cluster.looked_at
        if row.missed < GONE_AFTER:
            row.missed += 1

    def _settled(self, claim: ClaimRow) -> bool:
        return claim.wanted_at is None or self.look.began_at >= claim.wanted_at + SETTLING

    def _compare(self, before: tuple[str, str] | None, row: SightingRow) -> None:
        name = row.native_name
        if before is None or before[1] == Standing.RELEASED:
            self.items.append(Item(Kind.APPEARED, f"{name} is there: {_words(row)}", name))
        elif before[1] != row.standing:
            self.items.append(Item(Kind(row.standing), f"{name}: {_words(row)}", name))
        elif before[0] != row.state:
            self.items.append(Item(Kind.STATE, f"{name} is {row.state}", name))


def _take(row: SightingRow, guest: Guest) -> None:
    if _is_nameless(guest) and row.state:
        # What is known of it stays: only its node could say more, and is not heard from.
        row.state, row.node = guest.state.value, clean(guest.node, 120) or row.node
        return
    row.key, row.owner = clean(guest.key, 120), clean(guest.owner, 60)
    row.state, row.kind = guest.state.value, guest.kind.value
    row.addresses = [clean(one, 60) for one in guest.addresses[:50]]
    row.node, row.mac = clean(guest.node, 120), clean(guest.mac, 40)
    size = guest.size
    row.cores, row.memory_mb = _number(size.cores), _number(size.memory_mb)
    row.disk_gb = _number(size.disk_gb)


def _is_nameless(guest: Guest) -> bool:
    return guest.state == rules.UNHEARD and not guest.key


def _number(value: int) -> int:
    return max(0, min(value, 2**31 - 1))


def _seen(row: SightingRow) -> Seen:
    definition: rules.Definition = {
        "cores": row.cores,
        "memory_mb": row.memory_mb,
        "disk_gb": row.disk_gb,
        "addresses": sorted(row.addresses),
        "mac": row.mac,
    }
    return Seen(row.state, row.node, definition)


def _words(row: SightingRow) -> str:
    words = {
        Standing.UNKNOWN: "nobody here knows it, so it is left alone",
        Standing.KNOWN: "as it should be",
    }
    return row.reason or words.get(Standing(row.standing), row.standing)
