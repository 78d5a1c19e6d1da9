"""Structured logs: one line per fact, ids bound at the edges, secrets masked by type."""

import logging
import sys

import structlog
from structlog.typing import FilteringBoundLogger

Logger = FilteringBoundLogger


def configure(*, json: bool) -> None:
    """Send all logs of this process to standard error, as JSON lines or for people."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")


def get(name: str) -> Logger:
    """Return the logger of a module."""
    logger: Logger = structlog.get_logger(module=name)
    return logger
