"""A control group per job, where one can be made: it finds processes that left their session."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
PIDS_LIMIT = 8192
_CONTROLLERS = ("pids", "memory", "")  # the last one is version 2


def make(name: str, *, root: Path = ROOT, own: Path = OWN) -> Path | None:
    """Make a group below the agent's own; None where that is not possible."""
    for parent in _parents(root, own):
        group = parent / name
        try:
            group.mkdir(exist_ok=True)
            (group / "cgroup.procs").read_bytes()
        except OSError:
            continue
        _limit(group)
        return group
    return None


def add(group: Path, pid: int) -> bool:
    """Move a process into the group."""
    try:
        (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
    except OSError:
        return False
    return True


def members(group: Path | None) -> set[int]:
    """Return the processes in the group; none when it is gone."""
    if group is None:
        return set()
    try:
        return {int(pid) for pid in (group / "cgroup.procs").read_text("ascii").split()}
    except (OSError, ValueError):
        return set()


def seal(group: Path | None) -> None:
    """Let nothing in the group start another process: version 2 kills it, version 1 forbids it."""
    if group is None:
        return
    for name, text in (("cgroup.kill", "1"), ("pids.max", "0")):
        try:
            with (group / name).open("r+", encoding="ascii") as file:
                file.write(text)
        except OSError:
            continue


def remove(group: Path | None) -> None:
    """Remove the group; a service that a script left behind keeps it."""
    if group is None:
        return
    try:
        group.rmdir()
    except OSError:
        return


def _limit(group: Path) -> None:
    try:
        (group / "pids.max").write_text(str(PIDS_LIMIT), encoding="ascii")
    except OSError:
        return


def _parents(root: Path, own: Path) -> list[Path]:
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    paths = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path.lstrip("/")))
    folders = {"": root / "unified" if (root / "unified").is_dir() else root}
    return [
        folders.get(controller, root / controller) / paths[controller]
        for controller in _CONTROLLERS
        if controller in paths
    ]
