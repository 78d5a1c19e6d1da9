"""The webhooks domain's door."""

from stead.webhooks.courier import Courier
from stead.webhooks.telling import attach

__all__ = ["Courier", "attach"]
