"""The operations domain's door."""

from stead.operations.schemas import EventOut, OperationOut, StepOut
from stead.operations.service import cancel, follow, get_, list_

__all__ = ["EventOut", "OperationOut", "StepOut", "cancel", "follow", "get_", "list_"]
