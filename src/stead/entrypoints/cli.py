"""The ``stead`` command: hands over to the client, the server's own verbs or the authors'."""

import importlib
import sys
from typing import Final

from stead import __version__

LOCAL: Final = frozenset({"serve", "edge", "admin"})
AUTHORING: Final = "catalog"


def main() -> None:
    """Run the command line; each part is loaded only when it is asked for."""
    verb = next(iter(sys.argv[1:]), "")
    if verb in {"--version", "version"}:
        sys.stdout.write(f"stead {__version__}\n")
        return
    module = "stead.bootstrap" if verb in LOCAL else "stead.entrypoints.commands"
    if verb == AUTHORING:
        module = "stead.entrypoints.authoring"
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
