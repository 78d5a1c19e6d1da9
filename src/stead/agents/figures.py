"""How agents' work goes, in figures: by app, by what went wrong, and what waits."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stead.agents import repository
from stead.agents.models import JobRow
from stead.agents.sightings import STALE_AFTER, Health
from stead.core.db import Uow
from stead.kit import clock

# Figures are about the latest jobs; older ones say little about today.
LATEST: Final = 1000
_CLASSES: Final = {1: "validation", 2: "installation", 3: "configuration"}


@dataclass(frozen=True, slots=True)
class AppFigures:
    """How the latest jobs of one app, or of one kind, have ended."""

    app: str
    done: int
    ended: int
    mean_seconds: float

    @property
    def success(self) -> float:
        """Return which part has ended well."""
        return self.done / self.ended if self.ended else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is told about agents' work."""

    apps: Sequence[AppFigures]
    failures: Mapping[str, int]
    queued: int
    running: int
    agents: Mapping[str, int]


async def tell(uow: Uow) -> Figures:
    """Return the figures of the whole platform."""
    by_app: defaultdict[str, list[JobRow]] = defaultdict(list)
    failures: Counter[str] = Counter()
    for row in await repository.latest_ended(uow, LATEST):
        by_app[row.package_id or row.kind].append(row)
        if row.outcome != "done":
            failures[_class(row)] += 1
    now, moments = clock.utc_now(), await repository.seen(uow)
    stale = sum(now - moment > STALE_AFTER for moment in moments)
    states = await repository.count_open(uow)
    return Figures(
        apps=[_app(app, rows) for app, rows in sorted(by_app.items())],
        failures=dict(failures),
        queued=states.get("queued", 0),
        running=states.get("claimed", 0),
        agents={Health.ONLINE: len(moments) - stale, Health.STALE: stale},
    )


def _app(app: str, rows: Sequence[JobRow]) -> AppFigures:
    took = [
        (row.finished_at - row.created_at).total_seconds()
        for row in rows
        if row.finished_at is not None
    ]
    return AppFigures(
        app=app,
        done=sum(row.outcome == "done" for row in rows),
        ended=len(rows),
        mean_seconds=sum(took) / len(took) if took else 0.0,
    )


def _class(row: JobRow) -> str:
    if row.outcome == "failed":
        return _CLASSES.get(row.exit_code or 0, "other")
    return row.outcome or "other"
