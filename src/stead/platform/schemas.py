"""Shapes of the platform in the API."""

from datetime import datetime

from pydantic import BaseModel

from stead.operations.public import DecisionOut


class UnknownOut(BaseModel):
    """A guest that nobody here claims; it is left alone."""

    guest: str
    state: str
    addresses: list[str]
    owner: str


class MissingOut(BaseModel):
    """A guest that a deployment says it has and the cluster does not."""

    guest: str
    presence: str
    deployment_id: str | None
    deployment: str | None


class RestoreOut(BaseModel):
    """The present epoch, what waits for a decision, and where guests and records disagree."""

    epoch: int
    began_at: datetime
    copy_name: str | None
    copied_at: datetime | None
    decisions: list[DecisionOut]
    looked_at: datetime | None
    unknown: list[UnknownOut]
    missing: list[MissingOut]


class LookOut(BaseModel):
    """The operation that looks."""

    operation_id: str
