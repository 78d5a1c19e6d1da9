"""The ``stead`` command: hands over to the client, or to the local verbs on a server."""

import importlib
import sys
from typing import Final

from stead import __version__

LOCAL: Final = frozenset({"serve", "edge", "admin"})


def main() -> None:
    """Run the command line; each half is loaded only when it is asked for."""
    verb = next(iter(sys.argv[1:]), "")
    if verb in {"--version", "version"}:
        sys.stdout.write(f"stead {__version__}\n")
        return
    module = "stead.bootstrap" if verb in LOCAL else "stead.entrypoints.commands"
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
