"""Structured logs: one line per fact, ids bound at the edges, secrets masked by type."""

import logging
import sys

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from stead.core import trail

Logger = FilteringBoundLogger


def configure(*, json: bool) -> None:
    """Send all logs of this process to standard error, as JSON lines or for people."""
    structlog.configure(
        processors=processors(json=json),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")


def processors(*, json: bool) -> list[Processor]:
    """Return what makes a line of a fact."""
    colours = sys.stderr.isatty()
    return [
        structlog.contextvars.merge_contextvars,
        _on_whose_behalf,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=colours),
    ]


def bind(**ids: str) -> None:
    """Name whose work the present task does, in every line that it logs from now on.

    A task that is begun later inherits it; what began the present one does not learn of it.
    """
    structlog.contextvars.bind_contextvars(**ids)


def _on_whose_behalf(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Name the project that a request turned out to be about."""
    found = trail.current()
    if found is not None and found.project_id:
        line.setdefault("project", found.project_id)
    return line


def get(name: str) -> Logger:
    """Return the logger of a module."""
    logger: Logger = structlog.get_logger(module=name)
    return logger
