"""A swap of files that is stopped anywhere is finished by whoever comes next."""

from pathlib import Path

import pytest

from stead.platform import swap

NAMES = ("a", "b", "new")


class StoppedError(Exception):
    """The machine went off."""


def _ready(folder: Path) -> None:
    for name in ("a", "b", "old-wal", "kept"):
        (folder / name).write_text(f"old {name}")
    staging = swap.stage(folder)
    for name in NAMES:
        (staging / name).write_text(f"new {name}")


def _content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


WANTED = {
    "a": "new a",
    "b": "new b",
    "new": "new new",
    "kept": "old kept",
    "aside/a": "old a",
    "aside/b": "old b",
    "aside/old-wal": "old old-wal",
}


@pytest.mark.parametrize("stop", range(12))
def test_stopped_anywhere_all_of_it_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
):
    _ready(tmp_path)
    before = _content(tmp_path)
    moves = 0
    real = Path.replace

    def counted(self: Path, target: Path) -> Path:
        nonlocal moves
        if moves == stop:
            raise StoppedError
        moves += 1
        return real(self, target)

    monkeypatch.setattr(Path, "replace", counted)
    stopped = False
    try:
        swap.begin(tmp_path, swap.Swap("aside", NAMES, ("old-wal", "absent")))
        swap.finish(tmp_path)
    except StoppedError:
        stopped = True
    monkeypatch.setattr(Path, "replace", real)
    decided = stop > 0
    assert stopped == (stop < 7)
    assert swap.pending(tmp_path) == (stopped and decided)
    swap.finish(tmp_path)
    swap.finish(tmp_path)
    after = _content(tmp_path)
    if decided:
        assert after == WANTED
    else:
        assert {k: v for k, v in after.items() if not k.endswith(".new")} == before
