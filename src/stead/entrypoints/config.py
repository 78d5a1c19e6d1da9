"""The command line's memory: which server, which token, which CA it trusts."""

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Login:
    """A server that this account may use."""

    url: str
    token: str
    ca: str


def path() -> Path:
    """Return where the login lies."""
    return Path.home() / ".config" / "stead" / "config.toml"


def load() -> Login | None:
    """Return the stored login, or None when there is none that can be read."""
    try:
        data = tomllib.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    values = [data.get(name) for name in ("url", "token", "ca")]
    url, token, ca = (value if isinstance(value, str) else "" for value in values)
    return Login(url, token, ca) if url and token else None


def save(login: Login) -> Path:
    """Store a login where only this account can read it; return the file."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        f"{name} = {_quoted(value)}"
        for name, value in (("url", login.url), ("token", login.token), ("ca", login.ca))
    ]
    draft = target.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # A draft that a crash left behind keeps the mode it has.
        os.fchmod(descriptor, 0o600)
        file.write("\n".join(lines) + "\n")
    draft.replace(target)
    return target


def _quoted(value: str) -> str:
    """Return a TOML string: JSON's, but for halves of characters and one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
