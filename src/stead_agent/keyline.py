"""Takes up the token that came into a fresh guest as the comment of a key that nobody holds."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from stead_agent import store
from stead_agent.transport import UnreachableError

KEYS = Path("/root/.ssh/authorized_keys")
_SECONDS = 10
_LONGEST = 64 * 1024
_LINE = re.compile(
    r"ssh-ed25519 [A-Za-z0-9+/=]+ stead-enroll:"
    r"(?P<token>[\w-]{8,200}):(?P<pin>[0-9a-f]{64}):(?P<host>[0-9.]{7,15}):(?P<port>[0-9]{1,5})"
)


@dataclass(frozen=True)
class Ticket:
    """A one-time token, and where it is good: a server that shows the pinned certificate."""

    token: str
    pin: str
    host: str
    port: int

    def __repr__(self) -> str:
        """Leave the token out of tracebacks and logs."""
        return f"Ticket({self.host!r}, {self.port})"


def parse(text: str) -> Ticket | None:
    """Return the ticket among the lines of a file of keys, if there is one."""
    for line in text.splitlines():
        found = _LINE.fullmatch(line.strip())
        if found is not None:
            return Ticket(found["token"], found["pin"], found["host"], int(found["port"]))
    return None


def take(kept: store.Store, keys: Path = KEYS) -> None:
    """Make the bootstrap of a ticket, once its server has proven itself, and delete its line.

    Without a ticket nothing happens. Raises UnreachableError when it has to be tried again.
    """
    try:
        text = keys.read_text(encoding="ascii", errors="replace")[:_LONGEST]
    except OSError:
        return
    ticket = parse(text)
    if ticket is None:
        return
    known = store.read(kept.identity) or {}
    if known.get("token_digest") != hashlib.sha256(ticket.token.encode()).hexdigest():
        server = f"https://{ticket.host}:{ticket.port}"
        certificate = _certificate(ticket)
        store.write(kept.bootstrap, {"server": server, "ca": certificate, "token": ticket.token})
    _drop(keys, text)


def _certificate(ticket: Ticket) -> str:
    """Return the certificate that the server shows, if it is the pinned one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the fingerprint below says whom to trust
    try:
        plain = socket.create_connection((ticket.host, ticket.port), _SECONDS)
        with plain, context.wrap_socket(plain) as line:
            shown = line.getpeercert(binary_form=True) or b""
    except (OSError, OverflowError) as error:
        raise UnreachableError(f"{ticket.host}:{ticket.port} does not answer: {error}") from error
    if hashlib.sha256(shown).hexdigest() != ticket.pin:
        raise UnreachableError(f"{ticket.host}:{ticket.port} is not the server that was pinned")
    return ssl.DER_cert_to_PEM_cert(shown)


def _drop(keys: Path, text: str) -> None:
    """Take the line out; keys of people stay."""
    rest = [line for line in text.splitlines() if _LINE.fullmatch(line.strip()) is None]
    draft = keys.with_name(keys.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii", errors="replace") as file:
        file.write("".join(f"{line}\n" for line in rest))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(keys)
    store.sync_folder(keys.parent)
