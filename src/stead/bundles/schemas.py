"""Shapes of bundles in the API."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from stead.instances.public import Size

Short = Annotated[str, StringConstraints(max_length=40)]
Answers = Annotated[dict[str, JsonValue], Field(max_length=100)]


class BundleIn(BaseModel):
    """A bundle to deploy, with answers and sizes by the names of its members."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"bundle": "monitoring", "name": "watch", "inputs": {}}]},
    )

    bundle: Short
    name: Short | None = None
    project: Short | None = None
    inputs: Annotated[dict[Short, Answers], Field(max_length=20)] = {}
    sizes: Annotated[dict[Short, Size], Field(max_length=20)] = {}


class MemberOut(BaseModel):
    """One deployment of a bundle; without an id it is not begun, or it is gone."""

    name: str
    app: str
    deployment_name: str
    deployment_id: str | None
    operation_id: str | None
    state: str


class BundleOut(BaseModel):
    """A bundle in use."""

    id: str
    name: str
    bundle: str
    version: str
    project_id: str
    state: str
    operation_id: str
    members: list[MemberOut]
    requested_by: str
    created_at: datetime


class BundleBegunOut(BaseModel):
    """The operation that was started, and on what."""

    operation_id: str
    bundle_id: str
    name: str


class OfferedMemberOut(BaseModel):
    """One member of a bundle of the catalog; ``inputs`` is what it still asks for."""

    name: str
    app: str
    version: str
    wiring: dict[str, str]
    inputs: dict[str, object]


class OfferedOut(BaseModel):
    """A bundle of the catalog, its members in the order in which they are deployed."""

    id: str
    name: str
    version: str
    summary: str
    description: str
    category: str
    tags: list[str]
    digest: str
    members: list[OfferedMemberOut]
