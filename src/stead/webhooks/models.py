"""Tables of webhooks. Their secrets lie in the vault under their ids.

A restore forgets deliveries: what was told, or waited, when a copy was taken is told to nobody
a second time.
"""

from datetime import datetime

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from stead.core.db import SHORT_LIVED, Base, UtcDateTime


class WebhookRow(Base):
    """An address that is told. ``misses`` are deliveries that were given up, one by one."""

    __tablename__ = "webhook"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("project.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    url: Mapped[str] = mapped_column(String(1000))
    events: Mapped[list[str]] = mapped_column(JSON)
    paused: Mapped[str] = mapped_column(String(16))
    misses: Mapped[int] = mapped_column(Integer)
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeliveryRow(Base):
    """One thing to tell to one address.

    ``next_at`` is when it is tried, in the database's seconds; whoever tries it puts that off,
    so that it comes back by itself when they die. ``forgiven`` tries were made before somebody
    wanted it sent anew.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index("ix_webhook_delivery_state_next_at", "state", "next_at"),
        Index("ix_webhook_delivery_webhook_id_id", "webhook_id", "id"),
        SHORT_LIVED,
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhook.id"))
    event: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(Integer)
    forgiven: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AttemptRow(Base):
    """One try, and what was answered."""

    __tablename__ = "webhook_attempt"
    __table_args__ = SHORT_LIVED

    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_delivery.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float] = mapped_column(Float)
    status: Mapped[int | None] = mapped_column(Integer)
    answer: Mapped[str] = mapped_column(Text)
    problem: Mapped[str] = mapped_column(String(500))
