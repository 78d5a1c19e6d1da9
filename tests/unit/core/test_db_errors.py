"""What a database says becomes one of our own expected failures."""

import pytest
from sqlalchemy.exc import DBAPIError

from stead.core.db_errors import (
    ClashError,
    DatabaseUnavailableError,
    UnstorableError,
    translate,
)


class Said(Exception):  # noqa: N818  (a driver's, which calls it as it likes)
    """What PostgreSQL's driver raises."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("25006", DatabaseUnavailableError),  # read-only
        ("53100", DatabaseUnavailableError),  # the disk is full
        ("53200", DatabaseUnavailableError),  # out of memory
        ("57P01", DatabaseUnavailableError),  # it is shut down
        ("58030", DatabaseUnavailableError),  # the disk fails
        ("40001", ClashError),
        ("22021", UnstorableError),
        ("42P01", DBAPIError),  # a table that is not there is a mistake of ours
    ],
)
def test_codes_of_postgresql_are_understood(code: str, kind: type[Exception]):
    assert type(translate(DBAPIError("select 1", {}, Said(code)))) is kind


def test_who_writes_where_only_reading_was_meant_has_no_database_that_is_away():
    error = DBAPIError("insert", {}, Said("25006"))
    assert translate(error, reading=True) is error
