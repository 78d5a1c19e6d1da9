"""What goes in and out of the API of sources."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from stead.kit.text import NAME_PATTERN

Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$", examples=["0" * 40])]
Lines = Annotated[list[Annotated[str, Field(max_length=4200)]], Field(max_length=40)]


class SourceIn(BaseModel):
    """A repository to take packages from. Nothing of it is offered before it was accepted."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=40, pattern=NAME_PATTERN, examples=["ours"])]
    url: Annotated[str, Field(max_length=500, examples=["https://git.example.org/packages.git"])]
    ref: Annotated[str, Field(max_length=120)] = "main"
    folder: Annotated[str, Field(max_length=200)] = ""
    signers: Lines = []
    host_keys: Lines = []
    authority: Annotated[str, Field(max_length=32_000)] = ""
    token: Annotated[str, Field(max_length=1000)] = ""


class SourceOut(BaseModel):
    """Where packages come from. Folders of the server itself cannot be changed here."""

    id: str
    name: str
    kind: Literal["built-in", "folder", "git"]
    url: str
    ref: str
    folder: str
    signed: bool
    revision: str | None
    proposed: str | None
    packages: int
    broken: int
    checked_at: datetime | None
    problem: str | None


class OfferedOut(BaseModel):
    """One folder of what was accepted. ``held_by`` has a package of this name instead."""

    name: str
    version: str
    problems: list[str]
    held_by: str | None


class UseOut(BaseModel):
    """Something that was installed from a source."""

    what: str
    project_id: str
    package: str
    version: str


class SnapshotOut(BaseModel):
    """One commit that was looked at."""

    revision: str
    signer: str
    state: str
    found_at: datetime
    decided_by: str | None


class SourceDetailOut(SourceOut):
    """A source with its packages, its commits, and who uses it."""

    signers: list[str]
    host_keys: list[str]
    authority: str
    public_key: str
    accepted_at: datetime | None
    accepted_by: str | None
    added_by: str
    offered: list[OfferedOut]
    snapshots: list[SnapshotOut]
    projects: list[str]
    uses: list[UseOut]


class AddedOut(BaseModel):
    """A source that was added, and the operation that looks at it for the first time."""

    source: SourceDetailOut
    operation_id: str


class RefreshOut(BaseModel):
    """The operation that looks for news; none where there is nothing to look at."""

    operation_id: str | None


class FileChangeOut(BaseModel):
    """How one file differs: lines as in a unified diff, or why they are not shown."""

    name: str
    change: Literal["added", "changed", "removed"]
    lines: list[str]
    hidden: str | None


class PackageChangeOut(BaseModel):
    """How one package differs from what is accepted."""

    name: str
    change: Literal["added", "changed", "removed", "same"]
    before: str
    after: str
    problems: list[str]
    files: list[FileChangeOut]


class ProposalOut(BaseModel):
    """What a branch holds now, compared with what was accepted."""

    revision: str
    accepted: str | None
    signer: str
    found_at: datetime
    packages: list[PackageChangeOut]


class DecisionIn(BaseModel):
    """Which commit is decided about: what somebody looked at, whatever came since."""

    model_config = ConfigDict(extra="forbid")

    revision: Revision


class ChoiceOut(BaseModel):
    """A source that a project can use, and whether it does."""

    id: str
    name: str
    url: str
    revision: str
    packages: list[str]
    used: bool
