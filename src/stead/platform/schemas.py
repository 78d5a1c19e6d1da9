"""Shapes of the platform in the API."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

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


Text = Annotated[str, StringConstraints(max_length=20_000)]
Given = StrictBool | StrictInt | Text | Annotated[list[Text], Field(max_length=1000)] | None
Version = Annotated[int, Field(ge=0, le=2**31 - 1)]


class SettingOut(BaseModel):
    """A setting: of the platform, changed here, or of the process, told to it at start.

    ``accepts`` says in words what it can be, ``options`` which words there are to choose from,
    ``where`` how to change it. ``version`` is what a change has to name.
    """

    name: str
    kind: Literal["platform", "process"]
    group: str
    title: str
    help: str
    accepts: str
    options: list[str]
    value: Given
    unit: str
    default: Given
    source: Literal["default", "file", "environment", "database"]
    version: int
    changed_at: datetime | None
    changed_by: str
    where: str


class SettingNowOut(BaseModel):
    """What holds for a setting after it went back to something."""

    name: str
    version: int
    now: Given
    source: Literal["default", "database"]


class SettingIn(BaseModel):
    """A new value, and the version of the setting that it was decided on."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"value": 60, "version": 0}]}
    )

    value: Given
    version: Version


class SettingResetIn(BaseModel):
    """The version of the setting that the decision was made on."""

    model_config = ConfigDict(extra="forbid")

    version: Version


class SettingUndoIn(BaseModel):
    """The version whose value is wanted back (0: the default), and the present one."""

    model_config = ConfigDict(extra="forbid")

    to: Version
    version: Version


class SettingChangeOut(BaseModel):
    """One change of a setting: who, when, from what to what."""

    version: int
    at: datetime
    by: str
    old: Given
    was_default: bool
    new: Given
    is_default: bool
