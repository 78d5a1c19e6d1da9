"""The command line's memory: which servers, which tokens, which CAs, and which one is meant.

Each server is a context with a name, and one of them is current. A file of the time before
there were contexts is read as one context, and written anew with the next change.
"""

import fcntl
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

NAME: Final = re.compile(r"[\w.:@\[\]-]{1,100}")
_FIELDS: Final = ("url", "token", "ca")
# What --context or STEAD_CONTEXT said for this command.
_asked: ContextVar[str] = ContextVar("context", default="")


@dataclass(frozen=True, slots=True)
class Login:
    """A server that this account may use."""

    url: str
    token: str
    ca: str


@dataclass(frozen=True, slots=True)
class Contexts:
    """All servers by name, and the name of the one that is meant when nobody says which."""

    current: str = ""
    logins: dict[str, Login] = field(default_factory=dict)


def path() -> Path:
    """Return where the contexts lie."""
    return Path.home() / ".config" / "stead" / "config.toml"


def ask_for(name: str) -> None:
    """Let this command mean the context of this name; an empty one is the current."""
    _asked.set(name)


def asked_for() -> str:
    """Return the name that this command asked for, if it did."""
    return _asked.get()


def meant() -> str:
    """Return the name of the context that this command means."""
    return _asked.get() or load().current


def load() -> Contexts:
    """Return what is stored; nothing when there is nothing that can be read."""
    try:
        return _read(path().read_bytes())
    except (OSError, ValueError):
        return Contexts()


def find() -> Login | None:
    """Return the login of the context that this command means, or None."""
    return load().logins.get(meant())


def name_for(url: str) -> str:
    """Return what a context for this address is called unless somebody says otherwise."""
    known = load()
    same = [name for name, one in known.logins.items() if one.url == url]
    if known.current in same:
        return known.current
    return same[0] if same else _named_by(url)


def save(name: str, login: Login) -> Path:
    """Store a context where only this account can read it, as the current; return the file."""
    return _change(lambda known: Contexts(name, {**known.logins, name: login}))


def use(name: str) -> None:
    """Make a context the current one. Raises KeyError."""

    def choose(known: Contexts) -> Contexts:
        known.logins[name]
        return replace(known, current=name)

    _change(choose)


def remove(name: str) -> None:
    """Forget a context. Raises KeyError."""

    def without(known: Contexts) -> Contexts:
        known.logins[name]
        left = {key: one for key, one in known.logins.items() if key != name}
        return Contexts("" if known.current == name else known.current, left)

    _change(without)


def _change(change: Callable[[Contexts], Contexts]) -> Path:
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(target.parent):
        _write(target, _text(change(_kept(target))))
    return target


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let nobody else change the file until this change is written."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _kept(target: Path) -> Contexts:
    """Return what is stored; what cannot be read is put aside rather than written over."""
    try:
        return _read(target.read_bytes())
    except FileNotFoundError:
        return Contexts()
    except ValueError:
        target.chmod(0o600)
        target.replace(target.with_suffix(".unreadable"))
        return Contexts()


def _write(target: Path, text: str) -> None:
    draft = target.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # A draft that a crash left behind keeps the mode it has.
        os.fchmod(descriptor, 0o600)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(target)


def _text(known: Contexts) -> str:
    lines = [f"current = {_quoted(known.current)}"]
    for name, login in known.logins.items():
        lines += ["", f"[contexts.{_quoted(name)}]"]
        lines += [f"{key} = {_quoted(getattr(login, key))}" for key in _FIELDS]
    return "\n".join(lines) + "\n"


def _read(raw: bytes) -> Contexts:
    data = tomllib.loads(raw.decode())
    tables = data.get("contexts")
    found = {}
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and (login := _login(table)):
            found[name] = login
    before = _login(data)
    if before and not found:
        name = _named_by(before.url)
        return Contexts(name, {name: before})
    current = data.get("current")
    return Contexts(current if isinstance(current, str) else "", found)


def _login(table: dict[str, Any]) -> Login | None:
    values = [table.get(key) for key in _FIELDS]
    url, token, ca = (value if isinstance(value, str) else "" for value in values)
    return Login(url, token, ca) if url and token else None


def _named_by(url: str) -> str:
    try:
        host = urlsplit(url).netloc
    except ValueError:
        host = ""
    return host if NAME.fullmatch(host) else "default"


def _quoted(value: str) -> str:
    """Return a TOML string: JSON's, but for halves of characters and one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
