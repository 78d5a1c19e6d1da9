"""Compares a recorded answer with the double's: what must be equal, what only alike."""

import re
from typing import Any

from tests.proxmox.wire import Response

# What differs from run to run: moments, processes, measurements, sizes of what was stored.
VOLATILE = frozenset(
    """avail cpu cpus ctime disk diskread diskwrite endtime free loadavg localtime maxcpu
    maxdisk maxmem maxswap mem netin netout next-run pid pstart size snaptime starttime time
    timestamp total uptime used used_fraction created notafter notbefore upid digest
    ssl_fingerprint fingerprint ticket CSRFPreventionToken port pve_fp config_digest repoid
    n in out saved msg uid priority wait""".split()  # noqa: SIM905 -- a list is ten times as long
)
# Facts of the machine that was recorded, of its packages and of its texts.
MACHINE = frozenset(
    """flags model mhz kversion release version machine sysname serverid url timezone dns1 desc
    state active-state unit-state service metric pem subject issuer public-key-bits
    public-key-type san filename t changes smbios1 vmgenid meta descr""".split()  # noqa: SIM905 -- a list is ten times as long
)
# Lists in one text whose order is another each time.
UNORDERED = frozenset({"content", "privs"})
IDENTITIES = (
    "key", "volid", "vmid", "userid", "roleid", "groupid", "tokenid", "poolid", "iface",
    "realm", "storage", "cidr", "subdir", "cmd",
)  # fmt: skip
LOG = "[{n: number, t: string}]"
PATTERNS = (
    (re.compile(r"UPID:[^\s'\"]*:"), "UPID"),
    (re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}"), "MAC"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "DIGEST"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d"), "MOMENT"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "MOMENT"),
    (re.compile(r"\.tmp\.?\d+"), ".tmp.N"),
    (re.compile(r"termproxy 59\d\d"), "termproxy PORT"),
    (re.compile(r"pveupload-[0-9a-f]+"), "pveupload-N"),
    (re.compile(r"10\.78\.0\.\d+|fe80::[0-9a-f:]+"), "ADDRESS"),
)


def normal(text: str) -> str:
    """Write a text without what differs from run to run."""
    for pattern, name in PATTERNS:
        text = pattern.sub(name, text)
    return text.rstrip("\n")


def complaints(recorded: dict[str, Any], ours: Response, body: Any) -> list[str]:
    """Return how an answer differs from the recorded one."""
    found = []
    if recorded["status"] != ours.status:
        found.append(f"status {ours.status} {ours.reason!r}, recorded {recorded['status']}")
    if normal(recorded["reason"] or "") != normal(ours.reason):
        found.append(f"reason {ours.reason!r}, recorded {recorded['reason']!r}")
    if not found:
        found += differ(recorded["body"], body, "body")
    return found


def differ(recorded: Any, ours: Any, where: str) -> list[str]:
    """Return where two values differ."""
    if kind(recorded) != kind(ours):
        return [f"{where}: {kind(ours)} {str(ours)[:80]!r}, recorded {kind(recorded)}"]
    if isinstance(recorded, dict):
        return differ_objects(recorded, ours, where)
    if isinstance(recorded, list):
        return differ_lists(recorded, ours, where)
    return differ_plainly(recorded, ours, where)


def differ_plainly(recorded: Any, ours: Any, where: str) -> list[str]:
    """Compare texts and numbers; secrets were taken out of the recordings."""
    name = where.rpartition(".")[2]
    secret = isinstance(recorded, str) and re.fullmatch(r"<[A-Z_]+>", recorded)
    measured = name in VOLATILE | MACHINE and ".errors." not in where
    if secret or measured:
        return []
    if name in UNORDERED and isinstance(recorded, str):
        recorded, ours = sorted(recorded.split(",")), sorted(str(ours).split(","))
    if normal(str(recorded)) != normal(str(ours)):
        return [f"{where}: {str(ours)[:160]!r}, recorded {str(recorded)[:160]!r}"]
    return []


def kind(value: Any) -> str:
    """Return the type as JSON has it; whole and broken numbers are one."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {dict: "object", list: "array", str: "string"}.get(type(value), "null")


def differ_objects(recorded: dict[str, Any], ours: dict[str, Any], where: str) -> list[str]:
    missing, more = set(recorded) - set(ours), set(ours) - set(recorded)
    found = []
    if missing:
        found.append(f"{where}: lacks {sorted(missing)}")
    if more:
        found.append(f"{where}: has {sorted(more)} too many")
    for key in sorted(set(recorded) & set(ours)):
        found += differ(recorded[key], ours[key], f"{where}.{key}")
    return found


def differ_lists(recorded: list[Any], ours: list[Any], where: str) -> list[str]:
    """Compare by identity where the rows have one, else by the shapes that occur."""
    if bool(recorded) != bool(ours):
        return [f"{where}: {len(ours)} rows, recorded {len(recorded)}"]
    if not recorded:
        return []
    if shape(recorded) == LOG:
        return differ_logs(recorded, ours, where)
    identity = next(
        (key for key in IDENTITIES if all(_has(row, key) for row in [*recorded, *ours])), ""
    )
    if identity:
        return _by_identity(recorded, ours, where, identity)
    return _by_shape(recorded, ours, where)


def _by_shape(recorded: list[Any], ours: list[Any], where: str) -> list[str]:
    shapes, own = {shape(row) for row in recorded}, {shape(row) for row in ours}
    found = [f"{where}: no row like {one}" for one in shapes - own]
    return found + [f"{where}: a row like {one} was never seen" for one in own - shapes]


def differ_logs(recorded: list[Any], ours: list[Any], where: str) -> list[str]:
    """Compare how logs end: the lines before depend on the machine."""
    last, own = normal(recorded[-1]["t"]), normal(ours[-1]["t"])
    if last.startswith("TASK") and last != own:
        return [f"{where}: {own!r}, recorded {last!r}"]
    return [] if shape(ours) == LOG else [f"{where}: not a log"]


def _has(row: Any, key: str) -> bool:
    return isinstance(row, dict) and key in row


def _by_identity(
    recorded: list[dict[str, Any]], ours: list[dict[str, Any]], where: str, identity: str
) -> list[str]:
    theirs = {normal(str(row[identity])): row for row in recorded}
    own = {normal(str(row[identity])): row for row in ours}
    if len(theirs) < len(recorded):
        return _by_shape(recorded, ours, where)
    if set(theirs) != set(own):
        return [f"{where}: {identity} {sorted(own)}, recorded {sorted(theirs)}"]
    found = []
    for name, row in theirs.items():
        if not (identity == "key" and name in VOLATILE | MACHINE):
            found += differ_objects(row, own[name], f"{where} {name}")
    return found


def shape(value: Any) -> str:
    """Return the keys and types of a value, the same text for the same shape."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shape(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(sorted({shape(one) for one in value})) + "]"
    return kind(value)
