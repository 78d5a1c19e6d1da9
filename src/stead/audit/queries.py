"""What lists of the audit trail can be asked for, the same for API and page."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from stead.audit.repository import Filters

PAGE: Final = 50
MOST: Final = 500
_LAST: Final = 2**31 - 1
Text = Annotated[str, Field(max_length=200)]


class Asked(BaseModel):
    """What to look for; empty ones do not matter."""

    model_config = ConfigDict(extra="forbid")

    actor: Text = ""
    action: Text = ""
    project_id: Text = ""
    outcome: Text = ""
    subject: Text = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: Annotated[
        str, Field(pattern=r"^[0-9]{0,10}$", description="`next` of the page before.")
    ] = ""
    sort: Literal["-at", "at"] = "-at"
    limit: Annotated[int, Field(ge=1, le=MOST)] = PAGE

    @property
    def filters(self) -> Filters:
        """Return what the database is asked for."""
        texts = self.model_dump(include={"actor", "action", "project_id", "outcome", "subject"})
        last = min(int(self.cursor), _LAST) if self.cursor else None
        oldest_first = self.sort == "at"
        return Filters(
            since=_aware(self.since),
            until=_aware(self.until),
            before=None if oldest_first else last,
            after=last if oldest_first else None,
            oldest_first=oldest_first,
            **{name: text.replace("\0", "?") for name, text in texts.items()},
        )


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
