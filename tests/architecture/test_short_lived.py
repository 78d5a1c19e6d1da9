"""Every table that keeps a token says what a restore from a copy does with it."""

from stead import bootstrap
from stead.core.db import Base

# API tokens come back suspended; an edge could not come back by itself.
LASTING = {"api_token", "edge"}


def test_tables_with_tokens_are_short_lived_or_lasting_by_name():
    assert bootstrap.assemble, "importing it registers every table"
    keeping = {
        table.name
        for table in Base.metadata.tables.values()
        if any(column.name == "token_hash" for column in table.columns)
    }
    short = {t.name for t in Base.metadata.tables.values() if t.info.get("short_lived")}
    assert keeping - short == LASTING
