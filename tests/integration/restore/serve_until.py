"""``stead serve`` that kills itself with -9 the first time it reaches a point."""

import asyncio
import os
import signal
import sys

from stead.bootstrap import assemble
from stead.core import log, settings
from stead.entrypoints.serve import serve


def main() -> None:
    """Serve until the point that the first argument names."""

    def checkpoint(kind: str, step: str, phase: str) -> None:
        if sys.argv[1] == f"{kind}/{step}/{phase}":
            os.kill(os.getpid(), signal.SIGKILL)

    log.configure(json=False)
    asyncio.run(serve(settings.load(), assemble, checkpoint))


if __name__ == "__main__":
    main()
