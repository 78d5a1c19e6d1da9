"""Shapes on the wire between agent and control plane; see docs/reference/agent-protocol.md."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{26}$")]
Text = Annotated[str, StringConstraints(max_length=200)]
# What a guest counts has to fit into a column.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
ExitCode = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]


class Wire(BaseModel):
    """A body from an agent: small, and nothing undeclared gets in."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class EnrolIn(Wire):
    """A first contact."""

    token: Text
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    version: Annotated[str, StringConstraints(max_length=40)]
    facts: Annotated[dict[Text, Text], Field(max_length=40)] = {}


class EnrolOut(BaseModel):
    """The answer to a first contact."""

    agent: str
    server_time: float


class ClaimIn(Wire):
    """An agent asks for work."""

    wait: Annotated[float, Field(ge=0, le=30)] = 25
    running: Annotated[list[Text], Field(max_length=100)] = []
    version: Annotated[str, StringConstraints(max_length=40)] = ""
    program: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    load: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None = None


class ClaimOut(BaseModel):
    """A signed job."""

    server_time: float
    payload: str
    signature: str


class Line(Wire):
    """One line of output."""

    seq: Count
    stream: Literal["stdout", "stderr", "agent"]
    at: float
    text: Annotated[str, StringConstraints(max_length=16_384)]


class LogIn(Wire):
    """A batch of lines."""

    attempt: Count
    lines: Annotated[list[Line], Field(max_length=2000)]


class LogOut(BaseModel):
    """How far the log has got."""

    next: int
    cancel: bool


class BeatIn(Wire):
    """An attempt is alive."""

    attempt: Count


class BeatOut(BaseModel):
    """Whether to go on."""

    cancel: bool


class SignedIn(Wire):
    """A signed result."""

    payload: Annotated[str, StringConstraints(max_length=65_536)]
    signature: Annotated[str, StringConstraints(max_length=64)]


class ResultPayload(Wire):
    """What a signed result says."""

    agent: Id
    job: Id
    attempt: Count
    nonce: str
    outcome: Literal["done", "failed", "refused", "timeout", "cancelled", "interrupted"]
    exit_code: ExitCode | None = None
    reason: Annotated[str, StringConstraints(max_length=2000)] = ""
