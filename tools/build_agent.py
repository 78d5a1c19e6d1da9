"""Builds the agent as one file: `python -m tools.build_agent OUT`, the same bytes every time."""

import argparse
import hashlib
import pathlib
import sys
import zipfile

SOURCE = pathlib.Path("src/stead_agent")
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "import sys\n\nfrom stead_agent.__main__ import main\n\nsys.exit(main())\n"
SIZE_LIMIT = 200_000
EPOCH = (1980, 1, 1, 0, 0, 0)


def build(out: pathlib.Path, source: pathlib.Path = SOURCE) -> str:
    """Write the zipapp and return its SHA-256; raise ValueError when it grew too large."""
    members = {"__main__.py": MAIN.encode()}
    for path in source.glob("*.py"):
        members[f"stead_agent/{path.name}"] = path.read_bytes()
    with out.open("wb") as sink:
        sink.write(SHEBANG)
        # Not compressed: zlib's bytes differ between builds, and importing is faster.
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(members):
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.external_attr = 0o644 << 16
                entry.create_system = 3
                archive.writestr(entry, members[name])
    out.chmod(0o755)
    if out.stat().st_size > SIZE_LIMIT:
        raise ValueError(f"{out} is larger than {SIZE_LIMIT} bytes")
    return hashlib.sha256(out.read_bytes()).hexdigest()


def main() -> int:
    """Build and print the digest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    sys.stdout.write(build(parser.parse_args().out) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
