"""What the prover found, kept beside the packages: a package is called tested by its digest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

FILE: Final = "proofs.json"
_LIMIT: Final = 8 * 1024 * 1024
_COLUMNS: Final = ("install", "change", "backup", "restore", "upgrade", "uninstall")


class Record(BaseModel):
    """One run of the prover over one package, whatever came of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    version: str
    digest: str
    proof: str
    date: str
    system: str
    result: Literal["proven", "failed", "impossible"]
    reason: str = ""
    notes: list[str] = []
    seconds: Annotated[dict[str, float], Field(max_length=40)] = {}


_RECORDS: Final = TypeAdapter(list[Record])


def read(place: Path) -> list[Record]:
    """Return the records kept in a folder of packages, oldest first; none where they are broken.

    A damaged file only costs the badges: the packages themselves do not depend on it.
    """
    path = place / FILE
    try:
        if path.stat().st_size > _LIMIT:
            return []
        return _RECORDS.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return []


def append(place: Path, record: Record) -> list[Record]:
    """Add a record to those of a folder, in one replacement of the file, and return all."""
    records = [*read(place), record]
    text = json.dumps([one.model_dump() for one in records], indent=1, ensure_ascii=False)
    fresh = place / f"{FILE}.new"
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(place / FILE)
    return records


def latest(records: Iterable[Record]) -> Mapping[tuple[str, str], Record]:
    """Return the last record of each pair of package digest and proof digest."""
    return {(record.digest, record.proof): record for record in records}


def render(records: Sequence[Record]) -> str:
    """Return the records as a report for people."""
    lines = [
        "# What the prover found",
        "",
        "One line for each run of `stead catalog test`, oldest first. Figures are seconds; the",
        "digest is the first part of the package's SHA-256. The catalog calls a package tested",
        "only when its own digest is here. Made by the prover from `proofs.json`, not by hand.",
        "",
        "| package | version | digest | date | system | result | "
        + " | ".join(_COLUMNS)
        + " | whole proof |",
        "|" + "---|" * (len(_COLUMNS) + 7),
    ]
    lines += [_line(record) for record in records]
    notes = [f"- {one.package} {one.digest[:12]}: {note}" for one in records for note in one.notes]
    if notes:
        lines += ["", "Notes:", "", *dict.fromkeys(notes)]
    return "\n".join(lines) + "\n"


def _line(record: Record) -> str:
    seconds = (_figure(record.seconds.get(name)) for name in (*_COLUMNS, "total"))
    result = record.result if not record.reason else f"{record.result}: {record.reason}"
    cells = (record.package, record.version, f"`{record.digest[:12]}`", record.date, record.system)
    words = [" ".join(cell.replace("|", "/").split()) for cell in (*cells, result)]
    return f"| {' | '.join([*words, *seconds])} |"


def _figure(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
