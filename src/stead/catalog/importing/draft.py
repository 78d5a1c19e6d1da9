"""Writes the draft of a package: manifest, script, what it was made from, and what is left."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from stead.catalog import loader
from stead.catalog.errors import PackageError
from stead.catalog.importing import script
from stead.catalog.importing.checkout import App, UnreadableError
from stead.catalog.importing.script import Question, Rewritten
from stead.kit.text import is_name

ORIGINALS: Final = ".imported"
REVIEW: Final = "REVIEW.md"
_VARIABLE: Final = re.compile(r'^var_(\w+)="?(?:\$\{var_\w+:-)?([^"}]*)\}?"?\s*$', re.MULTILINE)
_TITLE: Final = re.compile(r'^APP="([^"]{1,80})"', re.MULTILINE)
_AUTHOR: Final = re.compile(r"^# Author:\s*([^\n|]{1,80})", re.MULTILINE)
_URL: Final = re.compile(r"https?://\$\{?IP\}?(?::(\d{1,5}))?(/[A-Za-z0-9/._~-]*)?")
_FRAME: Final = """\
#!/bin/bash
set -euo pipefail
. ./stead.sh

# What their library would have brought.
STD=""
msg_info() { echo "$*"; }
msg_ok() { echo "$*"; }
msg_warn() { echo "warning: $*" >&2; }
msg_error() { echo "error: $*" >&2; }
export HOME=/root

"""


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a draft and how much of it is left to a person."""

    name: str
    files: Mapping[str, str]
    open_points: int


def make(app: App) -> Draft:
    """Return the draft of an app; nothing is written. Raises UnreadableError."""
    name = app.name if is_name(app.name) else f"app-{app.name}"
    if not is_name(name):
        raise UnreadableError(f"{app.name} cannot be the id of a package")
    made = script.rewrite(app.install)
    manifest = _manifest(name, app, made)
    install = _FRAME + "\n".join(_tidy(made.lines)) + "\n"
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=99)
    points = [*_points(app, made), *_lint(name, {"manifest.yml": text, "install.sh": install})]
    files = {
        "manifest.yml": text,
        "install.sh": install,
        REVIEW: _review(app, made, points),
        f"{ORIGINALS}/install.sh": app.install,
        f"{ORIGINALS}/container.sh": app.container,
    }
    marker = {"from": f"install/{app.name}-install.sh", "commit": app.revision}
    marker["sha256"] = hashlib.sha256(app.install.encode()).hexdigest()
    files[loader.DRAFT] = json.dumps(marker, indent=1) + "\n"
    return Draft(name, files, len(points))


def write(draft: Draft, place: Path) -> Path:
    """Write a draft into a new folder below a place. Raises UnreadableError."""
    folder = place / draft.name
    if folder.exists():
        raise UnreadableError(
            f"{folder} is there already; remove it, or import into another folder"
        )
    for name, text in draft.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _manifest(name: str, app: App, made: Rewritten) -> dict[str, object]:
    told = dict(_VARIABLE.findall(app.container))
    title = _TITLE.search(app.container)
    author = _AUTHOR.search(app.install)
    description = app.facts.get("description")
    system, version = told.get("os", "debian"), told.get("version", "12")
    manifest: dict[str, object] = {
        "id": name,
        "name": title[1] if title else app.name,
        "version": f"0.0.0+{app.revision[:12]}",
        "description": _prose(description) or f"Imported from install/{app.name}-install.sh.",
        "category": "imported",
        "author": _line(author[1]) if author else "unknown",
        "tags": [word for word in re.split(r"[;,\s]+", told.get("tags", "")) if is_name(word)][
            :16
        ],
        "os_requirements": {
            "family": [system if is_name(system) else "debian"],
            "min_version": version if re.fullmatch(r"\d{1,4}(\.\d{1,4}){0,2}", version) else "12",
        },
        "resource_requirements": {
            "min_ram_mb": _number(told.get("ram"), 16, 1_048_576, 512),
            "min_disk_mb": _number(told.get("disk"), 1, 65_536, 4) * 1024,
            "min_cores": _number(told.get("cpu"), 1, 128, 1),
        },
        "inputs": [_input(one) for one in made.questions],
        "services": _services(app),
        "timeout_seconds": 1800,
        "idempotent": False,
    }
    return {key: value for key, value in manifest.items() if value not in ([], "")}


def _input(one: Question) -> dict[str, object]:
    described: dict[str, object] = {"name": one.name, "type": one.kind, "label": one.text[:100]}
    if one.kind == "boolean":
        return {**described, "default": bool(one.default)}
    return {**described, "required": True, "validation": {"max_length": 200}}


def _services(app: App) -> list[dict[str, object]]:
    found = _URL.search(app.container)
    port = app.facts.get("interface_port")
    number = int(found[1] or 80) if found else port if isinstance(port, int) else 0
    if not 0 < number < 1 << 16:
        return []
    service: dict[str, object] = {"name": "web", "protocol": "http", "port": number}
    if found and found[2] and found[2] != "/":
        service["path"] = found[2]
    return [service]


def _points(app: App, made: Rewritten) -> list[str]:
    """Return what a person has to look at, the most important first."""
    told = dict(_VARIABLE.findall(app.container))
    points = [f"line {at}: {what}" for at, what in sorted(made.notes)]
    if not app.container:
        points.append(f"ct/{app.name}.sh is missing: memory, disk, system and port are guesses")
    if told.get("os", "debian") not in ("debian", "ubuntu"):
        points.append(f"it is made for {told['os']}, which Stead's agent does not run on")
    if told.get("unprivileged") == "0":
        points.append("it wants a privileged container, which Stead does not make")
    if app.container and not _services(app):
        points.append("no address was found: say in the manifest what it opens")
    credentials = app.facts.get("default_credentials")
    if isinstance(credentials, dict) and credentials.get("password"):
        points.append("it comes with a known password: let it be an input with generate: true")
    if "update_script" in app.container:
        points.append("its update_script was left out: write upgrade.sh if versions follow")
    points.append("there is no check.sh, uninstall.sh, backup.sh and restore.sh yet")
    points.append("installing twice was not thought of: see that it works, then idempotent: true")
    return points


def _lint(name: str, files: Mapping[str, str]) -> list[str]:
    try:
        loader.package_of(name, {path: text.encode() for path, text in files.items()})
    except PackageError as error:
        return [str(problem) for problem in error.problems]
    return []


def _review(app: App, made: Rewritten, points: list[str]) -> str:
    asked = [
        f"- line {one.line}, `{one.name}`: {one.text} ({_said(one)})" for one in made.questions
    ]
    return "\n".join(
        [
            f"# What to look at in {app.name}",
            "",
            f"Made from `install/{app.name}-install.sh` at commit {app.revision}.",
            f"Lines are those of that file, which is kept in `{ORIGINALS}/`. Nothing was run.",
            "",
            "## Questions that became inputs",
            "",
            *(asked or ["None."]),
            "",
            "## Left to a person",
            "",
            *(f"- {point}" for point in points),
            "",
        ]
    )


def _said(one: Question) -> str:
    if one.kind == "boolean":
        return "answered with yes" if one.default else "answered with no"
    return "asked of whoever deploys"


def _tidy(lines: list[str]) -> list[str]:
    """Return lines without runs of empty ones, which the left-out frame leaves behind."""
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    return kept


def _number(text: str | None, low: int, high: int, otherwise: int) -> int:
    number = int(text) if text and text.isdigit() and len(text) < 9 else otherwise  # noqa: PLR2004
    return min(high, max(low, number))


def _prose(text: object) -> str:
    return _line(text)[:1000] if isinstance(text, str) else ""


def _line(text: str) -> str:
    return " ".join("".join(one for one in text if one.isprintable() or one.isspace()).split())
