"""What surveys and tests of clusters found, on record: maps, findings, facts about guests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stead.core.db import Uow
from stead.engines.values import GuestFacts, Survey
from stead.infra import inventory, news, repository, risks
from stead.infra.news import Item, Kind
from stead.infra.risks import Finding, Severity
from stead.kit import clock


async def note(uow: Uow, cluster_id: str, survey: Survey) -> None:
    """Write down what a survey found; what became bad, or good again, becomes news."""
    cluster = await repository.look_up(uow, cluster_id)
    if cluster is None:
        return
    now = clock.utc_now()
    row = await repository.ensure_survey(uow, cluster_id)
    findings = risks.judge(cluster.engine.capitalize(), survey, now)
    items = _changes(row.findings, findings)
    row.at = now
    row.nodes = [_clean(asdict(one)) for one in survey.nodes]
    row.storages = [_clean(asdict(one)) for one in survey.storages]
    row.findings = [_clean(asdict(one)) for one in findings]
    await _note_guests(uow, cluster_id, survey.guests)
    await news.tell(uow, cluster_id, items)


async def note_checks(uow: Uow, cluster_id: str, checks: Sequence[Mapping[str, Any]]) -> None:
    """Write down what the last test of a cluster said."""
    row = await repository.ensure_survey(uow, cluster_id)
    row.checks = [_clean(one) for one in checks]
    row.checked_at = clock.utc_now()
    uow.wake(news.topic(cluster_id))


async def _note_guests(uow: Uow, cluster_id: str, guests: Sequence[GuestFacts]) -> None:
    now = clock.utc_now()
    by_guest = {id(one.guest): one for one in guests}
    facts = {
        name: by_guest[id(guest)]
        for name, guest in inventory.named(one.guest for one in guests).items()
    }
    for row in await repository.sightings(uow, cluster_id):
        found = facts.get(row.native_name)
        told = _facts(found, risks.marks(found, now)) if found is not None else None
        if row.facts != told:
            row.facts = told


def _facts(found: GuestFacts, marks: list[str]) -> dict[str, Any]:
    backup, snapshot = found.newest_backup, found.oldest_snapshot
    return {
        "addresses": [inventory.clean(one, 60) for one in found.addresses[:50]],
        "marks": marks,
        "backup": backup.isoformat() if backup else "",
        "snapshot": snapshot.isoformat() if snapshot else "",
        "tags": [inventory.clean(one, 60) for one in found.guest.tags[:50]],
    }


def _changes(before: Sequence[Mapping[str, str]], now: Sequence[Finding]) -> list[Item]:
    """Return the news between two surveys; only what is bad is worth telling."""
    old = {(one["code"], one["subject"]): one for one in before if one["severity"] == Severity.BAD}
    new = {(one.code, one.subject): one for one in now if one.severity is Severity.BAD}
    items = [Item(Kind.RISK, one.text) for key, one in new.items() if key not in old]
    return items + [
        Item(Kind.RISK, f"No longer so: {one['text']}")
        for key, one in old.items()
        if key not in new
    ]


def _clean(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: inventory.clean(value, 400) if isinstance(value, str) else value
        for name, value in values.items()
    }
