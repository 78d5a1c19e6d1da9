"""Lists known vulnerabilities of what is locked, and says when nobody could be asked.

Exits with 0 when nothing is known, 1 when something is, 3 when there was no (whole) answer:
the auditor takes a package that the advisory service does not answer for as nothing to report.
"""

import argparse
import asyncio
import json
import pathlib
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass

from stead.kit import process

AUDITOR = pathlib.Path(".venv/audit/bin/pip-audit")
REQUIREMENTS = pathlib.Path("requirements")
CONSOLE = pathlib.Path("web")
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


def judge_npm(report: str) -> Judged:
    """Read what npm wrote, warnings around it too. Raises ValueError for what is no report."""
    try:
        told, _ = json.JSONDecoder().raw_decode(report, max(report.find("{"), 0))
        if "error" in told:
            raise ValueError(str(told.get("message") or told["error"]))
        rows = told["vulnerabilities"].values()
        reasons = [(row["name"], why) for row in rows for why in row["via"]]
        found = tuple(
            f"{name} {why['range']}: {why['url']}"
            for name, why in reasons
            if isinstance(why, dict)
        )
        return Judged(int(told["metadata"]["dependencies"]["total"]), found, ())
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no report") from error


async def ask(auditor: pathlib.Path, requirements: pathlib.Path, service: str = "") -> Judged:
    """Let the auditor ask about one locked file. Raises ValueError and ProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        ended = await process.run(
            [
                *(str(auditor), "--requirement", str(requirements), "--disable-pip"),
                *("--require-hashes", "--progress-spinner", "off"),
                *(("--vulnerability-service", "osv", "--osv-url", service) if service else ()),
                *("--format", "json", "--output", str(report)),
            ],
            limit_seconds=LIMIT_SECONDS,
        )
        if not report.exists():
            lines = ended.output.strip().splitlines()
            raise ValueError(lines[-1] if lines else f"it ended with {ended.code}")
        return judge(report.read_text(encoding="utf-8"))


async def ask_npm(console: pathlib.Path) -> Judged:
    """Let npm ask about the console's lock. Raises ValueError and ProcessError."""
    ended = await process.run(
        ["npm", "audit", "--package-lock-only", "--json", "--prefix", str(console)],
        limit_seconds=LIMIT_SECONDS,
    )
    return judge_npm(ended.output)


def audit(auditor: pathlib.Path, requirements: pathlib.Path, service: str = "") -> int:
    """Ask about every locked file of Python packages and say what came of it."""
    ends = [
        _say_what(path.stem, ask(auditor, path, service))
        for path in sorted(requirements.glob("*.txt"))
    ]
    return _worst(ends)


def audit_npm(console: pathlib.Path) -> int:
    """Ask about what we take from npm and say what came of it."""
    return _say_what("npm", ask_npm(console))


def main(arguments: list[str]) -> int:
    """Ask about everything that is locked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osv", default="", help="an OSV service of your own: its /v1/query")
    wanted = parser.parse_args(arguments)
    return _worst([audit(AUDITOR, REQUIREMENTS, wanted.osv), audit_npm(CONSOLE)])


def _say_what(group: str, asking: Coroutine[None, None, Judged]) -> int:
    try:
        judged = asyncio.run(asking)
    except (ValueError, process.ProcessError) as error:
        _say(f"{group}: the advisory service could not be asked: {error}")
        return NOT_ASKED
    for line in judged.found:
        _say(f"{group}: {line}")
    if judged.unheard:
        named = ", ".join(judged.unheard[:_SHOWN])
        more = ", …" if len(judged.unheard) > _SHOWN else ""
        _say(
            f"{group}: the advisory service did not answer for {len(judged.unheard)} of"
            f" {judged.packages} packages: {named}{more}"
        )
    if judged.found:
        return FOUND
    if judged.unheard:
        return NOT_ASKED
    _say(f"{group}: nothing is known about {judged.packages} packages")
    return NOTHING


def _worst(ends: list[int]) -> int:
    if FOUND in ends:
        return FOUND
    return NOT_ASKED if NOT_ASKED in ends else NOTHING


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
