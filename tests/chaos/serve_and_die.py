"""``stead serve`` that kills itself with -9 when it reaches the point named in a file."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from stead.bootstrap import assemble
from stead.core import log, settings
from stead.entrypoints.serve import serve


def main() -> None:
    """Serve; the file is emptied before dying, so that the next start lives."""
    order = Path(sys.argv[1])

    def checkpoint(kind: str, step: str, phase: str) -> None:
        if order.read_text() == f"{kind}/{step}/{phase}":
            order.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)

    log.configure(json=False)
    asyncio.run(serve(settings.load(), assemble, checkpoint))


if __name__ == "__main__":
    main()
