"""The operations domain's door."""

from stead.operations.recovery import (
    Choice,
    DecisionOut,
    Recoveries,
    Recovery,
    Situation,
    list_decisions,
)
from stead.operations.repository import count_by_state
from stead.operations.schemas import EventOut, OperationOut, StepOut
from stead.operations.service import Plans, cancel, follow, get_, history, list_
from stead.operations.settings import PER_NODE, PER_TEMPLATE, SETTINGS
from stead.operations.views import Subject, Subjects

__all__ = [
    "PER_NODE",
    "PER_TEMPLATE",
    "SETTINGS",
    "Choice",
    "DecisionOut",
    "EventOut",
    "OperationOut",
    "Plans",
    "Recoveries",
    "Recovery",
    "Situation",
    "StepOut",
    "Subject",
    "Subjects",
    "cancel",
    "count_by_state",
    "follow",
    "get_",
    "history",
    "list_",
    "list_decisions",
]
