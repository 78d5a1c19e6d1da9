"""Shapes of webhooks in the API."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from stead.core.answers import ShownOnce, Versioned
from stead.webhooks.rules import URL_LENGTH, Event

Name = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(max_length=URL_LENGTH, strip_whitespace=True)]
Events = Annotated[list[Event], Field(min_length=1, max_length=len(Event))]


class WebhookIn(BaseModel):
    """An address to tell, and of what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "chat",
                    "url": "https://hooks.example.org/stead",
                    "events": ["deployment.live", "operation.failed"],
                }
            ]
        },
    )

    name: Name
    url: Url
    events: Events


class WebhookChangeIn(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    url: Url | None = None
    events: Events | None = None


class WebhookOut(Versioned):
    """A webhook. ``paused`` says why nothing is sent, and is empty while something is."""

    volatile = frozenset({"paused", "misses", "previous_until"})
    model_config = ConfigDict(from_attributes=True)

    id: str
    project_id: str
    name: str
    url: str
    events: list[str]
    paused: str
    misses: int
    previous_until: datetime | None
    created_by: str
    created_at: datetime


class WebhookMadeOut(WebhookOut, ShownOnce):
    """A webhook with the secret that signs what it is sent, in this answer only."""

    once = frozenset({"secret"})

    secret: str | None


class AttemptOut(BaseModel):
    """One try: how long it took, and the beginning of the answer or what went wrong."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    at: datetime
    seconds: float
    status: int | None
    answer: str
    problem: str


class DeliveryOut(BaseModel):
    """One thing told to a webhook, and how its last try went."""

    id: str
    webhook_id: str
    event: str
    state: str
    tries: int
    created_at: datetime
    finished_at: datetime | None
    last: AttemptOut | None


class DeliveryDetailOut(DeliveryOut):
    """A delivery with what was sent and every try."""

    body: JsonValue
    attempts: list[AttemptOut]
