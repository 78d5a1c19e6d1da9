"""What lists of the audit trail can be asked for, the same for API and page."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from stead.audit.repository import Filters
from stead.audit.schemas import RecordOut
from stead.core.paging import CURSOR_LENGTH, bad_cursor, cursor, place_of

PAGE: Final = 50
MOST: Final = 500
# What a table can number.
_NUMBER: Final = re.compile("[0-9]{1,9}")
# Seconds since 1970 would be taken for a moment too, which nobody means who writes 7.
_SECONDS: Final = re.compile(r"[-+]?[0-9.]+")
Text = Annotated[str, Field(max_length=200)]


def _no_number(value: object) -> object:
    if isinstance(value, str) and _SECONDS.fullmatch(value.strip()):
        raise ValueError("A moment is written like 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_no_number)]


class Asked(BaseModel):
    """What to look for; empty ones do not matter."""

    model_config = ConfigDict(extra="forbid")

    actor: Text = ""
    action: Text = ""
    project_id: Text = ""
    outcome: Text = ""
    subject: Text = ""
    since: Moment | None = None
    until: Moment | None = None
    cursor: Annotated[
        str, Field(max_length=CURSOR_LENGTH, description="`next` of the page before.")
    ] = ""
    sort: Literal["-at", "at"] = "-at"
    limit: Annotated[int, Field(ge=1, le=MOST)] = PAGE

    @property
    def filters(self) -> Filters:
        """Return what the database is asked for. Raises BadListError for another list's cursor."""
        texts = self.model_dump(include={"actor", "action", "project_id", "outcome", "subject"})
        last = _last(self.cursor, self.sort) if self.cursor else None
        oldest_first = self.sort == "at"
        return Filters(
            since=_aware(self.since),
            until=_aware(self.until),
            before=None if oldest_first else last,
            after=last if oldest_first else None,
            oldest_first=oldest_first,
            **{name: text.replace("\0", "?") for name, text in texts.items()},
        )


def after(record: RecordOut, sort: str) -> str:
    """Return the cursor of the page that follows the one which this record ends."""
    return cursor(sort, ((True, record.at.timestamp()), str(record.seq)))


def _last(text: str, sort: str) -> int:
    _, key = place_of(text, sort)
    if not _NUMBER.fullmatch(key):
        raise bad_cursor()
    return int(key)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
