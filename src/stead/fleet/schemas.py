"""Shapes of the fleet in the API."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from stead.core.answers import ShownOnce
from stead.deployments.public import OutputOut
from stead_agent.job import MOST_AT_ONCE

# Base64 of what an agent takes.
CONTENT = 4 * 128 * 1024
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


class LimitsOut(BaseModel):
    """How many jobs an agent runs at once."""

    changing: int = Field(description="jobs that change the machine, such as installers")
    quick: int = Field(description="jobs that only look: status, facts, the end of a log")


class LimitsIn(BaseModel):
    """How many jobs an agent may run at once; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"quick": 4}]})

    changing: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] | None = None
    quick: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] | None = None


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
    outdated: bool = Field(description="its agent is not the one that this platform hands out")
    system: str
    seen_at: datetime | None
    enrolled_at: datetime | None
    load: float | None
    running: WorkOut | None = Field(description="the oldest of the jobs that run")
    jobs: list[WorkOut] = Field(description="all that run")
    waiting: int
    limits: LimitsOut | None
    transport: str | None = Field(description="over what its agent calls: https or redis")


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


class TaskIn(BaseModel):
    """A job other than an installer. ``content`` is a file's content in base64."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "service", "arguments": {"action": "restart", "service": "nginx"}}
            ]
        },
    )

    kind: Annotated[str, StringConstraints(max_length=20)]
    arguments: Annotated[dict[str, JsonValue], Field(max_length=20)] = {}
    content: Annotated[str, StringConstraints(max_length=CONTENT)] | None = None


class FileIn(BaseModel):
    """A file to put on a machine; ``content`` is base64 of at most 256 KiB."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"target": "/etc/motd", "content": "SGVsbG8K"}]},
    )

    target: Annotated[str, StringConstraints(max_length=1000)]
    owner: Name = "root"
    group: Name = "root"
    mode: Annotated[str, StringConstraints(max_length=4)] = "0644"
    content: Annotated[str, StringConstraints(max_length=CONTENT)]

    def task(self) -> TaskIn:
        """Return the job that this is."""
        arguments: dict[str, JsonValue] = {
            "target": self.target,
            "owner": self.owner,
            "group": self.group,
            "mode": self.mode,
        }
        return TaskIn(kind="file", arguments=arguments, content=self.content)


class PackageIn(BaseModel):
    """A package to put on a machine that is there already."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"app": "nginx", "inputs": {}}]}
    )

    app: Name
    inputs: Annotated[dict[str, JsonValue], Field(max_length=100)] = {}


class BeganOut(BaseModel):
    """The operation that was started."""

    operation_id: str


class InstallationOut(BaseModel):
    """A package on a machine. What a deployment installed is listed with its id."""

    id: str
    app: str
    version: str
    digest: str
    state: str
    operation_id: str
    requested_by: str
    created_at: datetime
    deployment: bool


class InstallationDetailOut(InstallationOut):
    """A package on a machine with what was answered and what it gives back, secrets hidden."""

    app_name: str
    removable: bool = Field(description="whether the package can take itself away")
    inputs: dict[str, JsonValue]
    outputs: list[OutputOut]


class CommandOut(BaseModel):
    """A command that may be run on machines, and what it asks for."""

    name: str
    title: str
    least: str
    parameters: list[dict[str, JsonValue]]


class BulkIn(BaseModel):
    """Work on many machines of one project, by name or id: a job, or a package.

    The canaries go first, and all others wait until they have ended well.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"machines": ["nas"], "task": {"kind": "facts"}}]},
    )

    machines: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    project: Name | None = None
    task: TaskIn | None = None
    install: PackageIn | None = None
    concurrency: Annotated[int, Field(ge=1, le=10)] = 5
    canaries: Annotated[int, Field(ge=0, le=100)] = 1
    accepted_failures: Annotated[int, Field(ge=0, le=100)] = Field(
        default=20, description="percent of all that may fail before the rest is not begun"
    )


class TargetOut(BaseModel):
    """One machine of work on many."""

    machine_id: str
    name: str
    state: str
    operation_id: str | None
    reason: str


class BulkOut(BaseModel):
    """Work on many machines."""

    id: str
    title: str
    project_id: str
    operation_id: str
    state: str
    concurrency: int
    canaries: int
    accepted_failures: int
    counts: dict[str, int]
    requested_by: str
    created_at: datetime


class BulkDetailOut(BulkOut):
    """Work on many machines, with each of them."""

    targets: list[TargetOut]


class JobOut(BaseModel):
    """A job that an agent had, has or will have."""

    id: str
    machine_id: str
    machine: str
    operation_id: str
    what: str
    kind: str
    app: str | None
    state: str
    outcome: str | None
    exit_code: int | None
    reason: str
    requested_by: str
    attempt: int
    created_at: datetime
    finished_at: datetime | None


class AppFiguresOut(BaseModel):
    """How the latest jobs of one app, or of one kind, have ended."""

    app: str
    done: int
    ended: int
    success: float
    mean_seconds: float


class FiguresOut(BaseModel):
    """How agents' work goes on the whole platform."""

    apps: list[AppFiguresOut]
    failures: dict[str, int]
    queued: int
    running: int
    agents: dict[str, int]
