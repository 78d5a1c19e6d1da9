"""The one place where Proxmox's failures become the port's errors.

Proxmox has no 404 and no 409: what happened is in the reason phrase of a 500, in ``errors``
on any status, or in the exit status of a task.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from stead.engines import errors

_Kind: TypeAlias = type[errors.EngineError]
PROXY_FAILED: Final = 595
PROXY_TIMED_OUT: Final = 596
_PROXY: Final = frozenset({PROXY_FAILED, PROXY_TIMED_OUT})
# A task has no status of its own; its words say everything.
TASK: Final = 0

_BY_STATUS: Final[dict[int, _Kind]] = {
    400: errors.InvalidError,
    401: errors.AuthRejectedError,
    403: errors.ForbiddenError,
    424: errors.UnsupportedError,
    501: errors.UnsupportedError,
    502: errors.UnreachableError,
    503: errors.UnreachableError,
    504: errors.UnreachableError,
    506: errors.InvalidError,
    PROXY_FAILED: errors.UnreachableError,
    PROXY_TIMED_OUT: errors.UnreachableError,
}


_GONE: Final = r"Configuration file '.*' does not exist"

# The first pattern that fits decides, so the order is part of the table.
_BY_WORDS: Final[tuple[tuple[str, _Kind], ...]] = (
    (
        r"invalid csrf token|authentication failure|authentication request failed",
        errors.AuthRejectedError,
    ),
    (
        r"Permission check failed|requires 'Permissions\.Modify'|not available with API token",
        errors.ForbiddenError,
    ),
    (r"no quorum|conf\.tmp\.\d+' - Permission denied", errors.UnreachableError),
    (r"RPCEnvironment init request failed", errors.UnreachableError),
    (_GONE, errors.NotFoundError),
    (
        r"^(unable to hotplug net\d+: )?(bridge|volume|script) '.*' does not exist",
        errors.ConflictError,
    ),
    (r"unable to hotplug", errors.TaskFailedError),
    (r"interrupted by signal|received interrupt|^unexpected status", errors.TaskFailedError),
    (r"hostname lookup '.*' failed", errors.NotFoundError),
    (r"CT is locked|VM is locked|can't lock file|guest migration lock", errors.LockedError),
    (r"can't acquire lock|got timeout$", errors.LockedError),
    (r"detected modified configuration", errors.LockedError),
    (
        r"No space left|out of space|not enough (free )?space|quota exceeded|insufficient free",
        errors.QuotaError,
    ),
    (r"--skip-old-files.* exit code 2$|qemu-img resize .* exit code 1$", errors.QuotaError),
    (
        r"not supported$|feature is not available|feature for '.*' is not available",
        errors.UnsupportedError,
    ),
    (
        r"does not support|wrong content type|uses local storage|quotas are currently not",
        errors.UnsupportedError,
    ),
    (
        r"cannot mount subvol snapshots|KVM virtualisation configured, but not available",
        errors.UnsupportedError,
    ),
    (r"No QEMU guest agent configured|lxc-checkpoint", errors.UnsupportedError),
    (r"not allowed for linked clones", errors.UnsupportedError),
    (r"shrinking disks|unable to shrink", errors.InvalidError),
    (r"read-only option|disk is already at specified size", errors.ConflictError),
    (r"is already used on interface|Default gateway already exists", errors.ConflictError),
    (r"already exists|already used|already defined|belongs already to pool", errors.ExistsError),
    (r"is already a pool member", errors.ExistsError),
    (r"already running|not running$|is running$|running container", errors.ConflictError),
    (
        r"protection mode enabled|protected volume|if it's a template|if the CT is running",
        errors.ConflictError,
    ),
    (
        r"contains snapshots|template to a template|is not empty|cannot be modified",
        errors.ConflictError,
    ),
    (r"storage '.*' is disabled|is not online", errors.ConflictError),
    (
        r"does not exist|no such |No such storage|can't find file|not a pool member|no rule at",
        errors.NotFoundError,
    ),
    (r"volume_size_info on .* failed", errors.NotFoundError),
    (
        r"unable to parse|unable to delete required|no options specified|reserved name",
        errors.InvalidError,
    ),
    (
        r"property is missing|public key validation|malformed JSON|missing value for|format error",
        errors.InvalidError,
    ),
    (r"unable to find bridge port|missing vlan-raw-device", errors.InvalidError),
    (
        r"for data too large|Unexpected content for method",
        errors.InvalidError,
    ),
    (r"does not look like a valid", errors.InvalidError),
)

_HINTS: Final[tuple[tuple[str, str], ...]] = (
    (
        r"no quorum|conf\.tmp\.\d+' - Permission denied",
        "The cluster has lost its quorum: bring the missing nodes back",
    ),
    (r"RPCEnvironment init", "The cluster file system is down: check pve-cluster on the node"),
    (r"Permission check failed", "Run the access check of this cluster: it lists what is missing"),
    (r"(CT|VM) is locked", "If no task is running on it, an administrator must unlock it there"),
    (r"is disabled$", "Enable the storage in Proxmox, or choose another one for this cluster"),
    (r"Linked clone feature", "Use a storage with linked clones, or full clones"),
    (r"snapshot feature is not available", "The storage of this guest cannot take snapshots"),
)


def translate(
    status: int, words: str, doing: str, fields: Mapping[str, str] | None = None
) -> errors.EngineError:
    """Return the error for an answer or a task; ``doing`` says what we had asked for."""
    told = _flat(words)
    if fields:
        told += " (" + "; ".join(f"{name}: {_flat(text)}" for name, text in fields.items()) + ")"
    kind = _kind(status, words, fields or {})
    return kind(f"Proxmox could not {doing}: {told}", native=told, hint=_hint(told))


def task_failed(exitstatus: str, log: str, doing: str) -> errors.EngineError:
    """Return the error for a task that ended badly; ``log`` is the end of what it wrote.

    ``job errors`` and a killed worker say nothing themselves: their log does.
    """
    cause = exitstatus
    if exitstatus in {"job errors", "unexpected status", "migration problems"}:
        told = re.findall(r"^(?:TASK )?ERROR: (.*)$", log, re.MULTILINE)
        cause = told[0] if told else exitstatus
    found = translate(TASK, cause, doing)
    found.native = f"{exitstatus}\n{log}".strip()
    return found


def is_gone(error: errors.NotFoundError) -> bool:
    """Tell whether the guest itself is not there, and not something that it needs."""
    return re.search(_GONE, error.native) is not None


def _kind(status: int, words: str, fields: Mapping[str, str]) -> _Kind:
    if status in _PROXY:
        return _BY_STATUS[status]
    told = "\n".join([*fields.values(), words])
    by_words = next((kind for pattern, kind in _BY_WORDS if _fits(pattern, told)), None)
    if status in {401, 403}:
        return _BY_STATUS[status] if "does not exist" not in words else errors.NotFoundError
    return by_words or _BY_STATUS.get(status, errors.TaskFailedError)


def _fits(pattern: str, told: str) -> bool:
    return re.search(pattern, told, re.MULTILINE) is not None


def _hint(told: str) -> str:
    return next((hint for pattern, hint in _HINTS if _fits(pattern, told)), "")


def _flat(words: str) -> str:
    return " ".join(words.split())
