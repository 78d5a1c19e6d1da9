"""Refusals and failures in Proxmox's own words, with the error that each becomes."""

from pathlib import Path

from stead.engines import errors

Kind = type[errors.EngineError]


def refusals() -> list[tuple[int, str, str, Kind]]:
    """Return status, field, words and error of each refusal."""
    rows = [line.split("\t") for line in _lines("refusals.tsv")]
    return [(int(status), field, words, _kind(kind)) for status, field, kind, words in rows]


def failures() -> list[tuple[str, str, Kind]]:
    """Return kind of task, words and error of each failed task."""
    rows = [line.split("\t") for line in _lines("failures.tsv")]
    return [(task, words, _kind(kind)) for task, kind, words in rows]


def _lines(name: str) -> list[str]:
    return (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()


def _kind(name: str) -> Kind:
    found: Kind = getattr(errors, f"{name}Error")
    return found
