"""Shapes of the fleet in the API."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from stead.core.answers import ShownOnce

Name = Annotated[str, StringConstraints(max_length=40)]


class MachineKind(StrEnum):
    """What an agent runs on."""

    INSTANCE = "instance"
    SERVER = "server"


class WorkOut(BaseModel):
    """The job that an agent runs now."""

    job_id: str
    operation_id: str
    what: str
    since: datetime


class MachineOut(BaseModel):
    """Something that has an agent, or is to have one, as the agent was last heard of."""

    id: str
    name: str
    kind: MachineKind
    project_id: str
    project: str
    address: str | None
    health: str = Field(description="online, stale (not heard from for 90 s) or never")
    version: str | None
    system: str
    seen_at: datetime | None
    enrolled_at: datetime | None
    load: float | None
    running: WorkOut | None
    waiting: int


class ServerIn(BaseModel):
    """A server that is to join."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "nas"}]})

    name: Name
    project: Name | None = None


class EnrolmentOut(ShownOnce):
    """How a server joins. The token is shown this once and works for ten minutes."""

    once = frozenset({"command", "token"})

    id: str
    name: str
    command: str | None
    token: str | None
    checksum: str
    pin: str
