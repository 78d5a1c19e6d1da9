"""Drivers whose calls are measured, for platforms that tell a collector."""

import functools
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from stead.core import telemetry

Answer = TypeVar("Answer")


def traced(engine: str, driver: Any) -> Any:  # noqa: ANN401  (whatever protocols a driver has)
    """Return a driver with the same abilities, each call of which is measured."""
    if not telemetry.on():
        return driver
    members = {}
    for name in dir(driver):
        if name.startswith("_"):
            continue
        member = getattr(driver, name)
        if iscoroutinefunction(member):
            member = staticmethod(_measured(f"engine {engine}.{name}", member))
        elif callable(member):
            member = staticmethod(member)
        members[name] = member
    return type(f"Traced{type(driver).__name__}", (), members)()


def _measured(
    name: str, call: Callable[..., Awaitable[Answer]]
) -> Callable[..., Awaitable[Answer]]:
    @functools.wraps(call)
    async def measured(*given: Any, **named: Any) -> Answer:  # noqa: ANN401  (any call's own)
        with telemetry.span(name):
            return await call(*given, **named)

    return measured
