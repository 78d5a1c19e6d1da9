"""The operations domain's door."""

from stead.operations.schemas import EventOut, OperationOut, StepOut
from stead.operations.service import cancel, follow, get_, history, list_
from stead.operations.views import Subject, Subjects

__all__ = [
    "EventOut",
    "OperationOut",
    "StepOut",
    "Subject",
    "Subjects",
    "cancel",
    "follow",
    "get_",
    "history",
    "list_",
]
