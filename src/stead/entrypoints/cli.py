"""The ``stead`` command: hands over to the client, the server's own verbs or the authors'."""

import importlib
import sys
from typing import Final

from stead import __version__

# Each part is loaded only when it is asked for: the client must not wait for a server's parts.
PARTS: Final = {
    "serve": "stead.bootstrap",
    "edge": "stead.entrypoints.admin",
    "admin": "stead.entrypoints.admin",
    "catalog": "stead.entrypoints.authoring",
}
CLIENT: Final = "stead.entrypoints.commands"


def main() -> None:
    """Run the command line."""
    verb = next(iter(sys.argv[1:]), "")
    if verb in {"--version", "version"}:
        sys.stdout.write(f"stead {__version__}\n")
        return
    importlib.import_module(PARTS.get(verb, CLIENT)).main()


if __name__ == "__main__":
    main()
