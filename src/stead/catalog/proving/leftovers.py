"""Compares two inventories: what an uninstalled package left behind, added or changed."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

Inventory = Mapping[str, Mapping[str, str]]

# What any package manager's work leaves on a Debian system, and what a running system writes.
ALLOWED: Final = (
    "file /var/lib/dpkg",
    "file /var/lib/dpkg/*",
    "file /var/lib/apt/*",
    "file /var/cache/*",
    "file /var/backups/*",
    "file /var/log/apt*",
    "file /var/log/dpkg.log",
    "file /var/log/alternatives.log",
    "file /var/log/wtmp",
    "file /var/log/btmp",
    "file /var/log/lastlog",
    "file /var/log/faillog",
    "file /var/log/journal*",
    "file /var/lib/systemd/*",
    "file /var/lib/pam/*",
    "file /var/lib/ucf*",
    "file /etc/ld.so.cache",
    "file /etc/passwd*",
    "file /etc/shadow*",
    "file /etc/group*",
    "file /etc/gshadow*",
    "file /etc/subuid*",
    "file /etc/subgid*",
    "file /etc/.pwd.lock",
    "file /etc/machine-id",
    "file /etc/resolv.conf",
    "file /usr/share/info/dir*",
    "file /usr/share/man/*",
    "file /etc/alternatives/*.gz",
    "file */__pycache__*",
)


def leftovers(before: Inventory, after: Inventory, allowed: Sequence[str]) -> list[str]:
    """Return every difference that neither the common list nor the package's own allows.

    A line of the list is a kind and a pattern, such as ``file /var/lib/app/*`` or ``user app``.
    """
    patterns = (*ALLOWED, *allowed)
    return [
        f"{difference}: {name}"
        for name, difference in _differences(before, after)
        if not any(fnmatchcase(name, pattern) for pattern in patterns)
    ]


def _differences(before: Inventory, after: Inventory) -> Iterator[tuple[str, str]]:
    for kind, now in after.items():
        was = before.get(kind, {})
        for name in sorted(was.keys() | now.keys()):
            if name not in was:
                yield f"{kind} {name}", "left"
            elif name not in now:
                yield f"{kind} {name}", "gone"
            elif was[name] != now[name]:
                yield f"{kind} {name}", "changed"
