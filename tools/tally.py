"""Adds up pytest's result files: `python -m tools.tally FILE...` prints one closing line."""

import pathlib
import sys
from xml.etree import ElementTree as ET


def count(paths: list[pathlib.Path]) -> tuple[int, int, int]:
    """Return how many tests passed, failed (or broke) and were skipped."""
    passed = failed = skipped = 0
    for path in paths:
        for suite in ET.parse(path).getroot().iter("testsuite"):  # noqa: S314  (our own file)
            total = int(suite.get("tests", 0))
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            left_out = int(suite.get("skipped", 0))
            passed += total - bad - left_out
            failed += bad
            skipped += left_out
    return passed, failed, skipped


def main() -> int:
    """Print the sum; files that a crashed run did not write are the caller's to notice."""
    paths = [pathlib.Path(name) for name in sys.argv[1:]]
    passed, failed, skipped = count([path for path in paths if path.exists()])
    sys.stdout.write(f"{passed} passed, {failed} failed, {skipped} skipped\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
