"""Keeps the simulated engine's records in a file, so that they outlive a killed process.

One JSON line per changed record; the last line of a record counts. The file is written anew
without what no longer counts whenever it is opened, by one process at a time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from stead.engines.drivers.simulator.records import Data

_PRIVATE: Final = 0o600


class Journal:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: dict[tuple[str, str], Data] = {}
        self.moment = 0.0
        if path.exists():
            self._read()
        self._file = self._rewrite()

    def records(self, kind: str) -> Iterator[Data]:
        """Return the records that were there when the file was opened."""
        return (data for (each, _), data in self._last.items() if each == kind)

    def names(self, kind: str) -> Iterator[str]:
        """Return the names of those records."""
        return (name for each, name in self._last if each == kind)

    def forget_what_was_read(self) -> None:
        """Let go of the memory that ``records`` needed."""
        self._last.clear()

    def write(self, kind: str, name: str, data: Data | None, moment: float) -> None:
        """Note the newest form of a record, or that it is gone."""
        line = json.dumps([kind, name, data, moment], separators=(",", ":"))
        self._file.write(line + "\n")
        # Handed to the system: what is written survives kill -9, though not a power cut.
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> None:
        for line in self._path.read_text().splitlines():
            try:
                kind, name, data, moment = json.loads(line)
            except ValueError:
                # The process was killed while it wrote its last line.
                continue
            self.moment = max(self.moment, moment)
            if data is None:
                self._last.pop((kind, name), None)
            else:
                self._last[kind, name] = data

    def _rewrite(self) -> IO[str]:
        fresh = self._path.with_suffix(".new")
        fresh.touch(mode=_PRIVATE)
        file = fresh.open("w")
        for (kind, name), data in self._last.items():
            file.write(json.dumps([kind, name, data, self.moment]) + "\n")
        file.flush()
        fresh.replace(self._path)
        return file
