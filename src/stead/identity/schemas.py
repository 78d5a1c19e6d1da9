"""What identity takes and gives over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from stead.core.answers import ShownOnce, Versioned
from stead.core.policy import Role, Scope

Name = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
ScopeName = Annotated[str, StringConstraints(max_length=60)]
Password = Annotated[SecretStr, Field(max_length=1000)]
Code = Annotated[str, StringConstraints(max_length=40)]
Amount = Annotated[int, Field(ge=0, le=2**53)]


class In(BaseModel):
    """What is taken; unknown names are refused so that a typo is not silence."""

    model_config = ConfigDict(extra="forbid")


class ProjectOut(BaseModel):
    """A project, and the caller's role in it if they have one."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    role: Role | None
    organisation: str
    archived: bool
    created_at: datetime


class UseOut(Versioned):
    """One resource of a project: what is in use, and the limit if there is one."""

    volatile = frozenset({"used"})
    model_config = ConfigDict(from_attributes=True)

    resource: str
    used: int
    limit: int | None


class ProjectDetailOut(ProjectOut, Versioned):
    """A project with its use and limits."""

    volatile = frozenset({"used", "role"})

    use: list[UseOut]


class MeOut(BaseModel):
    """Who the caller is, and what their credential leaves of their powers."""

    id: str
    name: str
    admin: bool
    auditor: bool
    scopes: list[str] | None
    has_password: bool
    second_factor: bool
    recovery_codes: int
    projects: list[ProjectOut]


class ProjectMadeIn(In):
    """A project to make."""

    name: Name
    organisation: Name = "default"


class RenameIn(In):
    """Another name."""

    name: Name


class LimitsIn(In):
    """Limits to change; null takes one away, what is left out stays."""

    instances: Amount | None = None
    cores: Amount | None = None
    memory_mb: Amount | None = None
    disk_gb: Amount | None = None
    addresses: Amount | None = None
    routes: Amount | None = None
    snapshots: Amount | None = None


class MemberOut(BaseModel):
    """A person in a project."""

    model_config = ConfigDict(from_attributes=True)

    user_id: str
    name: str
    role: Role
    disabled: bool


class RoleIn(In):
    """The role that a member shall have."""

    role: Role


class InvitationIn(In):
    """An invitation to make."""

    role: Role = Role.DEVELOPER
    note: Annotated[str, StringConstraints(max_length=80)] = ""
    days: Annotated[int, Field(ge=1, le=365)] | None = None


class InvitationOut(BaseModel):
    """An invitation."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    project_id: str
    project: str
    role: Role
    note: str
    invited_by: str
    expires_at: datetime


class InvitationMadeOut(InvitationOut, ShownOnce):
    """An invitation with its link, in this answer only."""

    once = frozenset({"link"})

    link: str | None


class OrganisationOut(BaseModel):
    """What holds projects together."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    archived: bool
    created_at: datetime


class PersonOut(BaseModel):
    """Somebody with an account."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    admin: bool
    auditor: bool
    has_password: bool
    second_factor: bool
    disabled: bool
    created_at: datetime


class PersonMadeOut(PersonOut, ShownOnce):
    """Somebody with a new account, and the link that sets a password, in this answer only."""

    once = frozenset({"link"})

    link: str | None


class PlatformRolesIn(In):
    """Roles on the whole platform; what is left out stays."""

    admin: bool | None = None
    auditor: bool | None = None


class ResetIn(In):
    """A link for a new password; optionally the second factor is switched off with it."""

    drop_second_factor: bool = False


class LinkOut(ShownOnce):
    """A link that works once, in this answer only."""

    once = frozenset({"link"})

    link: str | None


class TokenIn(In):
    """A token to make: what it may do, in which project, for how many days."""

    name: Name
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=60)] = [Scope.DEPLOY.value]
    project: Name | None = None
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class TokenOut(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    prefix: str
    scopes: list[str]
    project_id: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    suspended_at: datetime | None


class TokenMadeOut(TokenOut, ShownOnce):
    """A token with its secret, in this answer only."""

    once = frozenset({"token"})

    token: str | None


class SignInIn(In):
    """A name, a password, where a second factor is on its code, and the token to make."""

    name: Name
    password: Password
    code: Code = ""
    token_name: Name = "command line"  # noqa: S105  (what a token is called)
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=60)] = [Scope.DEPLOY.value]
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class SessionOut(Versioned):
    """A browser that is signed in."""

    volatile = frozenset({"seen_at"})
    model_config = ConfigDict(from_attributes=True)

    id: str
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    current: bool


class PasswordIn(In):
    """A new password, and the current one; it is empty where there was none."""

    password: Password
    current: Password


class FactorProofIn(In):
    """A code of the app that was just set up, and the password."""

    code: Code
    password: Password


class ProofIn(In):
    """The password, once more."""

    password: Password


class EnrolmentOut(ShownOnce):
    """What to put into an authenticator app, by hand or as a picture of the URI."""

    once = frozenset({"secret", "uri"})
    model_config = ConfigDict(from_attributes=True)

    secret: str | None
    uri: str | None


class CodesOut(ShownOnce):
    """Recovery codes, in this answer only."""

    once = frozenset({"codes"})

    codes: list[str]
