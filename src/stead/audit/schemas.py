"""Shapes of the audit trail in the API."""

from datetime import datetime

from pydantic import BaseModel


class RecordOut(BaseModel):
    """One record; ``hash`` binds it to the one before."""

    seq: int
    epoch: int
    at: datetime
    actor_id: str
    actor: str
    address: str
    project_id: str
    action: str
    subject: str
    outcome: str
    request_id: str
    detail: dict[str, str | int]
    previous: str
    hash: str


class RecordsOut(BaseModel):
    """A page of records; ``next`` is the cursor of the following one, null at the end."""

    items: list[RecordOut]
    next: str | None
