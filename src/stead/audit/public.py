"""The audit domain's door."""

from stead.audit.heads import Heads
from stead.audit.repository import Filters
from stead.audit.schemas import RecordOut
from stead.audit.service import append, attach, export, list_, tell_head
from stead.audit.verification import Verdict, verify

__all__ = [
    "Filters",
    "Heads",
    "RecordOut",
    "Verdict",
    "append",
    "attach",
    "export",
    "list_",
    "tell_head",
    "verify",
]
