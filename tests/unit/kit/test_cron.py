"""The next moment that fits five fields."""

from datetime import UTC, datetime

import pytest

from stead.kit import cron
from stead.kit.cron import CronError

AT = datetime(2026, 2, 27, 23, 59, 30, tzinfo=UTC)  # a Friday


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", utc(2026, 2, 28)),
        ("17 3 * * *", utc(2026, 2, 28, 3, 17)),
        ("*/20 6-7 * * *", utc(2026, 2, 28, 6)),
        ("0 0 1 * *", utc(2026, 3, 1)),
        ("0 0 * * 1", utc(2026, 3, 2)),
        ("0 0 * * 0", utc(2026, 3, 1)),
        ("0 0 * * 7", utc(2026, 3, 1)),
        ("0 0 10 * 1", utc(2026, 3, 2)),
        ("30 4 29 2 *", utc(2028, 2, 29, 4, 30)),
        ("5,10 0 31 12 *", utc(2026, 12, 31, 0, 5)),
    ],
)
def test_the_next_moment_is_the_first_that_fits(text: str, expected: datetime):
    assert cron.parse(text).after(AT) == expected


def test_a_moment_that_fits_is_not_its_own_successor():
    daily = cron.parse("17 3 * * *")
    assert daily.after(utc(2026, 1, 1, 3, 17)) == utc(2026, 1, 2, 3, 17)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * *", "5 fields"),
        ("60 * * * *", "minute"),
        ("* 5-3 * * *", "hour"),
        ("* * x * *", "day"),
        ("* * * */0 *", "month"),
        ("* * * * 8", "weekday"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_field(text: str, said: str):
    with pytest.raises(CronError, match=said):
        cron.parse(text)


def test_a_day_that_never_comes_is_an_error_and_not_an_endless_search():
    with pytest.raises(CronError, match="never"):
        cron.parse("0 0 30 2 *").after(AT)
