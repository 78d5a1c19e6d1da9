"""Builds the agent as one file: `python -m tools.build_agent OUT`, the same bytes every time."""

import argparse
import hashlib
import pathlib
import sys

from stead.agents import distribution

SOURCE = pathlib.Path("src/stead_agent")
SIZE_LIMIT = distribution.SIZE_LIMIT


def build(out: pathlib.Path, source: pathlib.Path = SOURCE) -> str:
    """Write the zipapp and return its SHA-256; raise ValueError when it grew too large."""
    paths = [*source.glob("*.py"), source / distribution.UNIT]
    content = distribution.pack({path.name: path.read_bytes() for path in paths})
    out.write_bytes(content)
    out.chmod(0o755)
    if len(content) > SIZE_LIMIT:
        raise ValueError(f"{out} is larger than {SIZE_LIMIT} bytes")
    return hashlib.sha256(content).hexdigest()


def main() -> int:
    """Build and print the digest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    sys.stdout.write(build(parser.parse_args().out) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
