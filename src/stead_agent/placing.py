"""Puts a file where a job wants it: whole or not at all, with its owner and mode."""

from __future__ import annotations

import base64
import binascii
import grp
import hashlib
import os
import pwd
import secrets
from collections.abc import Mapping
from pathlib import Path

from stead_agent import tasks
from stead_agent.job import RefusedError


def place(values: Mapping[str, str], encoded: object) -> str:
    """Write the file and return what was done; raise RefusedError or OSError."""
    content = _content(encoded, values["sha256"])
    path = Path(values["target"])
    folder = path.parent.resolve(strict=True)
    wrong = tasks.problems("file", {**values, "target": str(folder / path.name)})
    if wrong:
        # A link on the way led to where nothing may be put.
        raise RefusedError(f"The path leads to {folder}. {' '.join(wrong.values())}")
    if (folder / path.name).is_dir():
        raise RefusedError("There is a folder of this name.")
    owner = _number(values["owner"], "user")
    group = _number(values["group"], "group")
    mode = int(values["mode"], 8)
    _replace(folder / path.name, content, (owner, group), mode)
    return f"{path}: {len(content)} bytes, {values['owner']}:{values['group']} {mode:04o}"


def _content(encoded: object, expected: str) -> bytes:
    try:
        content = base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError("The file's content cannot be read.") from error
    if len(content) > tasks.CONTENT_LIMIT:
        raise RefusedError(f"The file has more than {tasks.CONTENT_LIMIT} bytes.")
    if hashlib.sha256(content).hexdigest() != expected:
        raise RefusedError("The file is not the one that was signed: its digest differs.")
    return content


def _number(name: str, kind: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if kind == "user" else grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise RefusedError(f"There is no {kind} {name} on this machine.") from error


def _replace(path: Path, content: bytes, owner: tuple[int, int], mode: int) -> None:
    draft = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(draft, flags, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
