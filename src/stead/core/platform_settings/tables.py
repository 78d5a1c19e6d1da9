"""Tables of platform settings: what differs from the default, and every change there was."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import Base, UtcDateTime


class SettingRow(Base):
    """A setting that was changed once; one that was set back has no value any more."""

    __tablename__ = "platform_setting"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    is_set: Mapped[bool] = mapped_column()
    value: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(String(120))


class SettingChangeRow(Base):
    """One change of a setting; ``was_set`` and ``is_set`` tell a value from the default."""

    __tablename__ = "platform_setting_change"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    was_set: Mapped[bool] = mapped_column()
    old: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    is_set: Mapped[bool] = mapped_column()
    new: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str] = mapped_column(String(120))
