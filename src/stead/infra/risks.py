"""Pure rules: what about a cluster deserves somebody's attention, and what to do about it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from stead.engines.values import GuestFacts, NodeFacts, StorageFacts, Survey

FULL: Final = 95
NEARLY_FULL: Final = 85
SOON: Final = timedelta(days=21)
OLD_SNAPSHOT: Final = timedelta(days=30)
OLD_BACKUP: Final = timedelta(days=7)
# More of one kind than this are told as one finding.
MANY: Final = 5


class Severity(StrEnum):
    """How much a finding matters."""

    BAD = "bad"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something amiss: what it concerns, what it is and what to change."""

    code: str
    severity: Severity
    subject: str
    text: str
    fix: str


def judge(engine: str, survey: Survey, now: datetime) -> list[Finding]:
    """Return everything that a survey shows amiss, the worst first."""
    found = [
        *_cluster(engine, survey, now),
        *_nodes(engine, survey.nodes),
        *_storages(engine, survey.storages),
        *_duplicates(survey.guests),
        *_guests(survey.guests, now),
    ]
    order = list(Severity)
    return sorted(found, key=lambda one: order.index(one.severity))


def marks(facts: GuestFacts, now: datetime) -> list[str]:
    """Return in a word each what is amiss with one guest."""
    return [code for code, applies in _about(facts, now) if applies]


def _cluster(engine: str, survey: Survey, now: datetime) -> Iterator[Finding]:
    if survey.quorate is False:
        yield Finding(
            "quorum_lost",
            Severity.BAD,
            "cluster",
            f"{engine} says that the cluster has lost its quorum: nothing can be changed",
            "Bring the missing nodes back, or set the expected votes on one that is left",
        )
    if survey.unsupported:
        yield Finding(
            "unsupported_version",
            Severity.BAD,
            "cluster",
            survey.unsupported,
            "Upgrade the engine",
        )
    expires = survey.certificate_expires_at
    if expires is not None and expires <= now:
        yield Finding(
            "certificate_expired",
            Severity.BAD,
            "cluster",
            f"The certificate of {engine} ended on {expires:%Y-%m-%d}",
            "Renew it on the host, then confirm the new one here",
        )
    elif expires is not None and expires - now < SOON:
        yield Finding(
            "certificate_expires",
            Severity.WARNING,
            "cluster",
            f"The certificate of {engine} ends on {expires:%Y-%m-%d}",
            "Renew it on the host, then confirm the new one here",
        )
    for what in survey.unseen:
        yield Finding(
            "not_told",
            Severity.NOTE,
            "cluster",
            f"{engine} does not tell us {what}",
            "Test the cluster: the test names the privilege that is missing",
        )


def _nodes(engine: str, nodes: Iterable[NodeFacts]) -> Iterator[Finding]:
    for node in nodes:
        if not node.online:
            yield Finding(
                "node_down",
                Severity.BAD,
                node.name,
                f"{engine} says that the node {node.name} is down; its guests are as last known",
                "Look at the node's power and network. Nothing on it counts as lost",
            )


def _storages(engine: str, storages: Iterable[StorageFacts]) -> Iterator[Finding]:
    told: set[str] = set()
    for one in storages:
        where = one.name if one.shared else f"{one.name} on {one.node}"
        if where in told:
            continue
        told.add(where)
        if not one.usable and one.needed:
            yield Finding(
                "storage_off",
                Severity.BAD,
                where,
                f"{engine} says that the storage {where} is disabled or offline",
                "Enable it in the engine, or choose another one for this cluster",
            )
        elif (full := _percent(one)) >= NEARLY_FULL:
            yield Finding(
                "storage_full",
                Severity.BAD if full >= FULL else Severity.WARNING,
                where,
                f"The storage {where} is {full} % full",
                "Remove what is not needed, or make it larger",
            )


def _duplicates(guests: Iterable[GuestFacts]) -> Iterator[Finding]:
    holders: dict[str, set[str]] = defaultdict(set)
    for one in guests:
        for address in {*one.addresses, *one.guest.addresses}:
            if _matters(address):
                holders[address].add(f"{one.guest.name} ({one.guest.node})")
    for address, names in sorted(holders.items()):
        if len(names) > 1:
            yield Finding(
                "duplicate_address",
                Severity.BAD,
                address,
                f"{address} belongs to {' and '.join(sorted(names))}",
                "Give all but one of them another address",
            )


_FIXES: Final = {
    "privileged": (
        Severity.WARNING,
        "Privileged container",
        "Make it anew as an unprivileged one",
    ),
    "host_access": (
        Severity.WARNING,
        "Reaches folders or devices of its host",
        "Give it a volume instead",
    ),
    "exposed": (
        Severity.WARNING,
        "Reached from outside through a port of its host",
        "Publish it by a route, and remove the proxy device",
    ),
    "nested": (
        Severity.NOTE,
        "May hold containers of its own",
        "Switch nesting off where nothing needs it",
    ),
    "no_backup": (Severity.WARNING, "No backup", "Add it to a backup job of the engine"),
    "old_backup": (Severity.WARNING, "Newest backup is old", "Look at the backup job's last runs"),
    "old_snapshot": (Severity.NOTE, "Snapshot older than 30 days", "Delete what is not needed"),
    "no_tags": (Severity.NOTE, "No tags", "Tag it, so that people know whose it is"),
}


def _guests(guests: Iterable[GuestFacts], now: datetime) -> Iterator[Finding]:
    named: dict[str, list[str]] = defaultdict(list)
    for one in guests:
        for code in marks(one, now):
            named[code].append(one.guest.name)
    for code, names in named.items():
        severity, words, fix = _FIXES[code]
        shown = ", ".join(sorted(names)[:MANY])
        more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
        yield Finding(code, severity, f"{len(names)} guests", f"{words}: {shown}{more}", fix)


def _about(facts: GuestFacts, now: datetime) -> Iterator[tuple[str, bool]]:
    backup, snapshot = facts.newest_backup, facts.oldest_snapshot
    yield "privileged", facts.privileged is True
    yield "host_access", facts.host_access is True
    yield "exposed", bool(facts.exposed)
    yield "nested", facts.nested is True
    yield "no_backup", facts.backups_known and backup is None
    yield "old_backup", backup is not None and now - backup > OLD_BACKUP
    yield "old_snapshot", snapshot is not None and now - snapshot > OLD_SNAPSHOT
    yield "no_tags", not facts.guest.tags and not facts.guest.key


def _percent(storage: StorageFacts) -> int:
    if not storage.total_gb or storage.used_gb is None:
        return 0
    return storage.used_gb * 100 // storage.total_gb


def _matters(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)
