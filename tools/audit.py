"""Lists known vulnerabilities of what is locked, and says when nobody could be asked.

Exits with 0 when nothing is known, 1 when something is, 3 when there was no (whole) answer:
the auditor takes a package that the advisory service does not answer for as nothing to report.
"""

import asyncio
import json
import pathlib
import sys
import tempfile
from dataclasses import dataclass

from stead.kit import process

AUDITOR = pathlib.Path(".venv/audit/bin/pip-audit")
LOCKED = ("runtime", "edge", "dev")
NOTHING, FOUND, NOT_ASKED = 0, 1, 3
LIMIT_SECONDS = 600
_SHOWN = 5


@dataclass(frozen=True)
class Judged:
    """What is known about packages, and which ones nothing was heard about."""

    packages: int
    found: tuple[str, ...]
    unheard: tuple[str, ...]


def judge(report: str) -> Judged:
    """Read what the auditor wrote. Raises ValueError for what is no report."""
    try:
        rows = json.loads(report)["dependencies"]
        found = tuple(
            f"{row['name']} {row['version']}: {one['id']}"
            + (f", corrected in {', '.join(one['fix_versions'])}" if one["fix_versions"] else "")
            for row in rows
            for one in row.get("vulns", ())
        )
        unheard = tuple(row["name"] for row in rows if "skip_reason" in row)
    except (KeyError, TypeError) as error:
        raise ValueError("no report") from error
    return Judged(len(rows), found, unheard)


async def ask(auditor: pathlib.Path, requirements: pathlib.Path) -> Judged:
    """Let the auditor ask about one locked file. Raises ValueError and ProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        ended = await process.run(
            [
                *(str(auditor), "--requirement", str(requirements), "--disable-pip"),
                *("--require-hashes", "--progress-spinner", "off"),
                *("--format", "json", "--output", str(report)),
            ],
            limit_seconds=LIMIT_SECONDS,
        )
        if not report.exists():
            lines = ended.output.strip().splitlines()
            raise ValueError(lines[-1] if lines else f"it ended with {ended.code}")
        return judge(report.read_text(encoding="utf-8"))


def audit(auditor: pathlib.Path, folder: pathlib.Path) -> int:
    """Ask about every locked file and say what came of it."""
    result = NOTHING
    for group in LOCKED:
        try:
            judged = asyncio.run(ask(auditor, folder / f"{group}.txt"))
        except (ValueError, process.ProcessError) as error:
            _say(f"{group}: the advisory service could not be asked: {error}")
            result = result or NOT_ASKED
            continue
        for line in judged.found:
            _say(f"{group}: {line}")
        if judged.unheard:
            named = ", ".join(judged.unheard[:_SHOWN])
            more = ", …" if len(judged.unheard) > _SHOWN else ""
            _say(
                f"{group}: the advisory service did not answer for {len(judged.unheard)} of"
                f" {judged.packages} packages: {named}{more}"
            )
            result = result or NOT_ASKED
        if judged.found:
            result = FOUND
        elif not judged.unheard:
            _say(f"{group}: nothing is known about {judged.packages} packages")
    return result


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(audit(AUDITOR, pathlib.Path("requirements")))
