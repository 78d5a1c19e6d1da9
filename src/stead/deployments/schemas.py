"""Shapes of deployments in the API."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from stead.core.answers import ShownOnce
from stead.instances.public import Size


class DeploymentIn(BaseModel):
    """An app to deploy; without a cluster it goes to the server's own.

    With ``keep`` a failure leaves everything as it is, to be looked at.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"app": "redis", "name": "cache", "inputs": {}}]},
    )

    app: Annotated[str, StringConstraints(max_length=40)]
    name: Annotated[str, StringConstraints(max_length=40)] | None = None
    project: Annotated[str, StringConstraints(max_length=40)] | None = None
    size: Size | None = None
    cluster: Annotated[str, StringConstraints(max_length=40)] | None = None
    inputs: Annotated[dict[str, JsonValue], Field(max_length=100)] = {}
    keep: bool = False


class ChangeIn(BaseModel):
    """Other inputs, another version, or both; what is left out stays as it is.

    An input that is ``null`` gets its default, and a password that is made gets a new one.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"inputs": {"maxmemory_mb": 256}}]},
    )

    version: Annotated[str, StringConstraints(max_length=40)] | None = None
    inputs: Annotated[dict[str, JsonValue], Field(max_length=100)] = {}


class UpdateOut(BaseModel):
    """Another version in the catalog, and what it would change."""

    version: str
    new_inputs: list[str]
    gone_inputs: list[str]
    opens: list[str]
    closes: list[str]


class PendingOut(BaseModel):
    """What a deployment is being changed to."""

    version: str
    inputs: dict[str, JsonValue]


class RouteOut(BaseModel):
    """How a deployment is reached."""

    service: str
    protocol: str
    host: str
    port: int | None
    url: str


class OutputOut(BaseModel):
    """Something to copy; ``value`` is null while it is secret and was not asked for."""

    name: str
    label: str
    sensitive: bool
    value: str | None


class RevealedOut(OutputOut, ShownOnce):
    """Something to copy with its value, secret or not."""

    once = frozenset({"value"})


class DeploymentOut(BaseModel):
    """A deployment."""

    id: str
    name: str
    app: str
    app_name: str
    version: str
    project_id: str
    state: str
    operation_id: str
    instance_id: str
    cluster: str | None
    address: str | None
    cores: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    routes: list[RouteOut]
    outputs: list[OutputOut]
    inputs: dict[str, JsonValue]
    requested_by: str
    created_at: datetime
    live_at: datetime | None
    update: UpdateOut | None = None
    pending: PendingOut | None = None


class AcceptedOut(BaseModel):
    """The operation that was started, and on what."""

    operation_id: str
    deployment_id: str
    name: str


class TargetOut(BaseModel):
    """A cluster that takes deployments. On a ``shared`` one projects are on one network."""

    name: str
    engine: str
    shared: bool
    default: bool


class SnapshotIn(BaseModel):
    """A state to keep; the name is unique in its deployment."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(max_length=80)]
    note: Annotated[str, StringConstraints(max_length=200)] = ""


class SnapshotOut(BaseModel):
    """A state of a deployment's disk that it can return to."""

    id: str
    name: str
    note: str
    state: str
    version: str
    created_by: str
    created_at: datetime


class ResizeIn(BaseModel):
    """What a deployment's container gets; what is left out stays. Disks only grow.

    A size gives what is not named by itself, and never less disk than there is.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"cores": 2}]})

    size: Size | None = None
    cores: Annotated[int, Field(ge=1, le=256)] | None = None
    memory_mb: Annotated[int, Field(ge=64, le=4194304)] | None = None
    disk_gb: Annotated[int, Field(ge=1, le=65536)] | None = None
