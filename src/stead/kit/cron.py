"""Times in the way of cron: five fields, in UTC, and the next moment that fits them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: Final = ("minute", "hour", "day", "month", "weekday")
_FAR: Final = timedelta(days=8 * 366)


class CronError(ValueError):
    """A time cannot be read, or never comes; the message says which field."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due. As in cron, day and weekday are alternatives when both are given."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def after(self, moment: datetime) -> datetime:
        """Return the first moment later than the given one. Raises CronError if there is none."""
        found = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while found - moment < _FAR:
            if found.month not in self.months or not self._has_day(found):
                found = found.replace(hour=0, minute=0) + timedelta(days=1)
            elif found.hour not in self.hours:
                found = found.replace(minute=0) + timedelta(hours=1)
            elif found.minute not in self.minutes:
                found += timedelta(minutes=1)
            else:
                return found
        raise CronError("this time never comes")

    def _has_day(self, moment: datetime) -> bool:
        by_day = moment.day in self.days
        by_weekday = moment.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday


def parse(text: str) -> Cron:
    """Read ``minute hour day month weekday`` with ``*``, lists, ranges and steps."""
    fields = text.split()
    if len(fields) != len(_RANGES):
        raise CronError(f"a time has {len(_RANGES)} fields, not {len(fields)}")
    minutes, hours, days, months, weekdays = (
        frozenset(_field(field, *span, name))
        for field, span, name in zip(fields, _RANGES, _NAMES, strict=True)
    )
    sundays_once = frozenset(day % 7 for day in weekdays)
    return Cron(minutes, hours, days, months, sundays_once, fields[2] == "*", fields[4] == "*")


def _field(text: str, low: int, high: int, name: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        try:
            begin = low if first == "*" else int(first)
            single = begin if not slash and first != "*" else high
            end = int(last) if dash else single
            by = int(step) if slash else 1
        except ValueError as error:
            raise CronError(f"{name}: {part} cannot be read") from error
        if not low <= begin <= end <= high or by < 1:
            raise CronError(f"{name}: {part} is outside {low}-{high}")
        found |= set(range(begin, end + 1, by))
    return found
