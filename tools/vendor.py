"""Copies what we take from npm into the tree, as web/package-lock.json names it.

``--check`` asks no registry: it tells whether the copies are what was taken, from that lock.
"""

import asyncio
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

from stead.kit import process

WEB = pathlib.Path("web")
RECORD = WEB / "vendored.json"
NPM = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
LIMIT_SECONDS = 120
# Where a file goes, and what it is in its package. Licences travel along.
FILES = {
    "tests/vendor/axe-core/axe.min.js": "axe-core/axe.min.js",
    "tests/vendor/axe-core/LICENSE": "axe-core/LICENSE",
    "tests/vendor/axe-core/LICENSE-3RD-PARTY.txt": "axe-core/LICENSE-3RD-PARTY.txt",
}


def locked() -> dict[str, str]:
    """Return the integrity of each package in the lock. Raises ValueError for an address in it."""
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    if any("resolved" in one for one in packages.values()):
        raise ValueError("the lock names a registry: npm config omit-lockfile-registry-resolved")
    return {
        path.removeprefix("node_modules/"): one["integrity"]
        for path, one in packages.items()
        if path
    }


def record() -> str:
    """Return what the copies are and which packages they came from."""
    integrity = locked()
    files = {
        target: {
            "from": source,
            "package": integrity[source.partition("/")[0]],
            "sha256": hashlib.sha256(pathlib.Path(target).read_bytes()).hexdigest(),
        }
        for target, source in FILES.items()
    }
    return json.dumps(files, indent=2) + "\n"


async def copy() -> None:
    """Let npm fetch and verify what is locked, and copy our files out of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for part in ("package.json", "package-lock.json"):
            shutil.copy(WEB / part, folder)
        await process.check([*NPM, "--prefix", name], limit_seconds=LIMIT_SECONDS)
        for target, source in FILES.items():
            path = pathlib.Path(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "node_modules" / source, path)


def main() -> int:
    """Copy, or check; return what to exit with."""
    if "--check" not in sys.argv:
        asyncio.run(copy())
        RECORD.write_text(record())
        return 0
    if record() != RECORD.read_text():
        sys.stderr.write(f"copies from npm differ from {RECORD}: run make vendor\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
