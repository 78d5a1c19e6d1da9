"""Tables of identity. Tokens, links and codes are stored hashed; the plain one is shown once."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Integer, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import SHORT_LIVED, Base, UtcDateTime


class UserRow(Base):
    """A person. ``totp_step`` is the last time step whose code was used."""

    __tablename__ = "user_account"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    admin: Mapped[bool] = mapped_column(Boolean)
    auditor: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    password_hash: Mapped[str | None] = mapped_column(String(200))
    password_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OrganisationRow(Base):
    """A tenant: what holds projects together."""

    __tablename__ = "organisation"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ProjectRow(Base):
    """The unit that owns things."""

    __tablename__ = "project"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    organisation_id: Mapped[str | None] = mapped_column(ForeignKey("organisation.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MembershipRow(Base):
    """A person's role in a project."""

    __tablename__ = "membership"

    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class InvitationRow(Base):
    """A link that makes its holder a member, once."""

    __tablename__ = "invitation"
    __table_args__ = SHORT_LIVED

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(String(80))
    invited_by: Mapped[str] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ProjectLimitRow(Base):
    """The most that a project may use of one resource; no row means no limit."""

    __tablename__ = "project_limit"

    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), primary_key=True)
    resource: Mapped[str] = mapped_column(String(20), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


class ReservationRow(Base):
    """What one thing uses of its project's limits, from its intent to its end."""

    __tablename__ = "reservation"

    owner: Mapped[str] = mapped_column(String(120), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    instances: Mapped[int] = mapped_column(Integer)
    cores: Mapped[int] = mapped_column(Integer)
    memory_mb: Mapped[int] = mapped_column(BigInteger)
    disk_gb: Mapped[int] = mapped_column(BigInteger)
    addresses: Mapped[int] = mapped_column(Integer)
    routes: Mapped[int] = mapped_column(Integer)
    snapshots: Mapped[int] = mapped_column(Integer)


class SignInLinkRow(Base):
    """A link that signs its holder in or lets them set a new password, once."""

    __tablename__ = "sign_in_link"
    __table_args__ = SHORT_LIVED

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"))
    purpose: Mapped[str] = mapped_column(String(16), default="sign_in", server_default="sign_in")
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SessionRow(Base):
    """A browser that is signed in, or that still owes its second factor."""

    __tablename__ = "session"
    __table_args__ = SHORT_LIVED

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(String(26), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), index=True)
    pending: Mapped[bool] = mapped_column(Boolean)
    browser: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(45))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCodeRow(Base):
    """A code that stands in for the second factor, once."""

    __tablename__ = "recovery_code"

    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FailureRow(Base):
    """Failed attempts to sign in, counted for a name, an address, or both."""

    __tablename__ = "sign_in_failure"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_until: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiTokenRow(Base):
    """A token for the CLI or a program. ``scopes`` holds names of scopes and actions."""

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id"))
    name: Mapped[str] = mapped_column(String(80))
    prefix: Mapped[str] = mapped_column(String(12))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list, server_default='["admin"]')
    project_id: Mapped[str | None] = mapped_column(ForeignKey("project.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Set by a restore: whether it was revoked after the copy was taken is not known.
    suspended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
