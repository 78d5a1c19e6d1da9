"""``stead serve`` that kills itself with -9 when it reaches the point named in a file.

The parent has imported everything and keeps nothing else: it forks a fresh server whenever
the last one was killed, which saves each of many restarts a second.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from stead.bootstrap import assemble
from stead.core import log, settings
from stead.entrypoints.serve import serve


def main() -> None:
    """Fork servers until one ends by itself or this process is told to stop."""
    order = Path(sys.argv[1])
    while True:
        child = os.fork()
        if child == 0:
            _serve(order)
            os._exit(0)
        signal.signal(signal.SIGTERM, lambda *_, child=child: os.kill(child, signal.SIGTERM))
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(os.waitstatus_to_exitcode(status))


def _serve(order: Path) -> None:
    def checkpoint(kind: str, step: str, phase: str) -> None:
        if order.read_text() == f"{kind}/{step}/{phase}":
            # Emptied before dying, so that the next server lives.
            order.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)

    log.configure(json=False)
    asyncio.run(serve(settings.load(), assemble, checkpoint))


if __name__ == "__main__":
    main()
