"""The one HTTP client for addresses that people give us: webhooks, feeds, downloads.

It calls the internet only, never this machine or what is near it, unless an admin allowed a
network (``outbound.allowed``); see ``Outbound``, which ``core.http.provided`` hands out:

    answer = await outbound.fetch("POST", url, content=body, headers={"x-signature": mark})
    if answer.status >= 300: ...
"""

from stead.core.outbound.client import Answer, Limits, Outbound, Policy, Streamed, governed
from stead.core.outbound.errors import (
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    OutboundUnreachableError,
)

__all__ = [
    "Answer",
    "Limits",
    "Outbound",
    "OutboundRefusedError",
    "OutboundTimeoutError",
    "OutboundTooLargeError",
    "OutboundUnreachableError",
    "Policy",
    "Streamed",
    "governed",
]
