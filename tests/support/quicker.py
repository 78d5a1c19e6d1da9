"""What a run of thousands of tests need not pay for again and again."""

import signal
from types import FrameType
from typing import Any, Final

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

STATEMENTS: Final = 5000


def share_compiled_statements() -> None:
    """Let all databases of a kind use the statements that one of them has compiled.

    Each test has an engine of its own, and compiling took a quarter of the time of most. They
    are kept by dialect, and those of one class are configured alike here.
    """
    for dialect in (SQLiteDialect_aiosqlite, PGDialect_asyncpg):
        vars_of: Any = dialect
        vars_of.__eq__ = lambda self, other: type(self) is type(other)
        vars_of.__hash__ = lambda self: hash(type(self))
    shared: LRUCache[Any, Any] = LRUCache(STATEMENTS)
    made: Any = Engine.__init__

    def make(engine: Any, *words: Any, **options: Any) -> None:
        made(engine, *words, **options)
        engine._compiled_cache = shared  # its size can be told, not the cache

    Engine.__init__ = make  # type: ignore[method-assign]


def interrupt_plainly() -> None:
    """Keep asyncio from a handler of its own around each fixture and test.

    Setting it describes the test's task, with all that its fixtures returned.
    """
    signal.signal(signal.SIGINT, _interrupted)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
