"""Jobs other than packages: which there are, what they may be asked, and what they run.

The control plane decides by the same rules before it signs a job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stead_agent import inputs

SYSTEMD = Path("/run/systemd/system")
LOGS = Path("/var/log")
CONTENT_LIMIT = 256 * 1024
LINES_LIMIT = 1000
# Jobs of one lane wait for each other. Those that change a machine hold its package manager or
# what others read; an update of the agent ends everything else that it does.
CHANGING, QUICK, ALONE = "changing", "quick", "alone"

Declaration = Mapping[str, object]

_UNIT = r"[A-Za-z0-9][A-Za-z0-9@._-]{0,127}"
_HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_PATH = r"/[^/]+(/[^/]+)*"
_LOOKING = ("facts", "readiness", "log")
_NOBODY_WRITES = ("/proc", "/sys", "/dev", "/run", "/boot", "/var/lib/stead-agent")
_STEP = re.compile(r"(^|/)\.\.?(/|$)")
_LIST_UPDATES = (
    "apt-get -o DPkg::Lock::Timeout=600 update -q && apt-get -s -q upgrade | sed -n 's/^Inst //p'"
)
_APPLY_UPDATES = (
    "apt-get -o DPkg::Lock::Timeout=600 update -q && apt-get -o DPkg::Lock::Timeout=600 "
    "-o Dpkg::Options::=--force-confold -y -q upgrade"
)
_READINESS = """
bad=0
say() { echo "$1: $2"; [ "$2" = yes ] || bad=1; }
if [ -d /run/systemd/system ]; then
  state=$(systemctl is-system-running || true)
  case $state in running|degraded) say booted yes ;; *) say booted "no, $state" ;; esac
fi
free=$(df --output=pcent / | tail -n 1 | tr -dc 0-9)
[ "$free" -lt 95 ] && say 'disk has room' yes || say 'disk has room' "no, $free % is used"
[ -z "$(dpkg --audit)" ] && say 'packages are whole' yes || say 'packages are whole' no
exit $bad
"""


def _text(name: str, pattern: str, **more: object) -> Declaration:
    return {"name": name, "type": "string", "validation": {"pattern": pattern}, **more}


def _choice(name: str, *values: str, **more: object) -> Declaration:
    return {"name": name, "type": "select", "validation": {"allowed_values": values}, **more}


def _number(name: str, low: int, high: int, default: int) -> Declaration:
    limits = {"min": low, "max": high}
    return {"name": name, "type": "integer", "default": default, "validation": limits}


_LINES = _number("lines", 1, LINES_LIMIT, 100)
KINDS: Mapping[str, Sequence[Declaration]] = {
    "service": (
        _choice("action", "status", "start", "stop", "restart", "reload", required=True),
        _text("service", _UNIT, required=True),
    ),
    "facts": (),
    "readiness": (),
    "log": (_text("service", _UNIT), _text("file", _PATH), _LINES),
    "updates": ({"name": "apply", "type": "boolean", "default": False},),
    "file": (
        _text("target", _PATH, required=True),
        _text("owner", r"[a-z_][a-z0-9_-]{0,31}", default="root"),
        _text("group", r"[a-z_][a-z0-9_-]{0,31}", default="root"),
        _text("mode", r"0?[0-7]{3}", default="0644"),
        _text("sha256", r"[0-9a-f]{64}", required=True),
    ),
    "update": (
        _text("version", r"[A-Za-z0-9.+-]{1,40}", required=True),
        _text("sha256", r"[0-9a-f]{64}", required=True),
    ),
}


@dataclass(frozen=True)
class Command:
    """A program that people may run, with the parameters that they may give it."""

    title: str
    argv: tuple[str, ...]
    parameters: tuple[Declaration, ...] = ()
    least: str = "developer"
    changes: bool = False


COMMANDS: Mapping[str, Command] = {
    "disk-usage": Command("How full disks are", ("df", "-hT", "-x", "tmpfs", "-x", "devtmpfs")),
    "memory": Command("How much memory is used", ("free", "-m")),
    "uptime": Command("How long it runs, and how busy it is", ("uptime",)),
    "processes": Command(
        "What runs, the busiest first",
        ("ps", "-eo", "pid,user,pcpu,pmem,etime,comm", "--sort=-pcpu"),
    ),
    "listening": Command("Which ports are open", ("ss", "-tuln")),
    "failed-services": Command("Which services failed", ("systemctl", "--no-pager", "--failed")),
    "folder-sizes": Command(
        "What takes room",
        ("du", "-xh", "--max-depth=1", "{folder}"),
        (_choice("folder", "/var", "/home", "/opt", "/srv", "/usr", required=True),),
    ),
    "resolve": Command(
        "Look a name up",
        ("getent", "ahosts", "{host}"),
        (_text("host", _HOST, required=True),),
    ),
    "ping": Command(
        "Reach another machine",
        ("ping", "-c", "{count}", "-W", "2", "{host}"),
        (_text("host", _HOST, required=True), _number("count", 1, 10, 3)),
    ),
    "clean-packages": Command(
        "Remove downloaded packages", ("apt-get", "clean"), (), "maintainer", changes=True
    ),
    "shrink-journal": Command(
        "Remove the oldest of the journal",
        ("journalctl", "--vacuum-size={megabytes}M"),
        (_number("megabytes", 10, 10_000, 200),),
        "maintainer",
        changes=True,
    ),
}


def lane(kind: str, arguments: Mapping[str, object]) -> str:
    """Return which jobs a job waits for; what is not known to be quick changes something."""
    if kind == "update":
        return ALONE
    chosen = COMMANDS.get(str(arguments.get("command"))) if kind == "command" else None
    asks = kind == "service" and arguments.get("action") == "status"
    looks = chosen is not None and not chosen.changes
    return QUICK if asks or looks or kind in _LOOKING else CHANGING


def problems(kind: str, arguments: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong with a job, by argument; empty when it may run."""
    if kind == "command":
        return _command_problems(arguments)
    declared = KINDS.get(kind)
    if declared is None:
        return {"kind": "There is no such kind of job."}
    return inputs.check(declared, arguments) or _further(kind, completed(kind, arguments))


def completed(kind: str, arguments: Mapping[str, object]) -> dict[str, str]:
    """Return the arguments as text, with defaults; they have to be right."""
    declared = KINDS.get(kind, ())
    found = inputs.environment(declared, arguments)
    return {name.lower(): value for name, value in found.items()}


def command(kind: str, arguments: Mapping[str, object]) -> list[str]:
    """Return the program of a job that runs one; its arguments have to be right."""
    if kind == "command":
        return _filled(COMMANDS[str(arguments["command"])], _parameters(arguments))
    values = completed(kind, arguments)
    if kind == "service":
        return _service(values["action"], values["service"])
    if kind == "log":
        return _log(values)
    script = _READINESS
    if kind == "updates":
        script = _APPLY_UPDATES if values["apply"] == "true" else _LIST_UPDATES
    return ["/bin/sh", "-c", script]


def is_answer(kind: str, arguments: Mapping[str, object], code: int) -> bool:
    """Tell whether an exit code other than 0 is an answer, not a failure."""
    # systemctl says so of a service that does not run.
    return kind == "service" and arguments.get("action") == "status" and code == 3  # noqa: PLR2004


def _command_problems(arguments: Mapping[str, object]) -> dict[str, str]:
    chosen = COMMANDS.get(str(arguments.get("command")))
    if chosen is None:
        return {"command": "There is no such command."}
    return inputs.check(chosen.parameters, _parameters(arguments))


def _parameters(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if name != "command"}


def _filled(chosen: Command, values: Mapping[str, object]) -> list[str]:
    found = inputs.environment(chosen.parameters, values)
    return [part.format(**{n.lower(): text for n, text in found.items()}) for part in chosen.argv]


def _further(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    if kind == "log":
        return _log_problems(values)
    own = kind == "service" and values["service"].startswith("stead-agent")
    if own and values["action"] != "status":
        return {"service": "The agent cannot do this to itself."}
    if kind == "file":
        return _file_problems(values["target"])
    return {}


def _log_problems(values: Mapping[str, str]) -> dict[str, str]:
    if bool(values["service"]) == bool(values["file"]):
        return {"file": "Name either a service or a file."}
    if values["file"] and not _is_below(values["file"], str(LOGS)):
        return {"file": f"Only files below {LOGS} can be read."}
    return {}


def _file_problems(path: str) -> dict[str, str]:
    if _STEP.search(path):
        return {"target": "The path goes back or in a circle."}
    if any(path == folder or _is_below(path, folder) for folder in _NOBODY_WRITES):
        return {"target": "Nothing is put there."}
    return {}


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder + "/") and not _STEP.search(path)


def _service(action: str, service: str) -> list[str]:
    if SYSTEMD.is_dir():
        return ["systemctl", "--no-pager", "--full", action, "--", service]
    return ["service", service, action]


def _log(values: Mapping[str, str]) -> list[str]:
    if values["file"]:
        return ["tail", "-n", values["lines"], "--", values["file"]]
    return ["journalctl", "--no-pager", "-n", values["lines"], "-u", values["service"]]
