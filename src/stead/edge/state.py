"""The edge's folder: what survives a restart, readable by nobody else, replaced atomically."""

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from stead.edge import certificates
from stead.edge.snapshot import Certificate
from stead.edge.values import KeyPair
from stead.kit import ids

_PRIVATE = 0o600
_MAX_LOG = 32 * 1024 * 1024


class StateError(Exception):
    """The folder cannot be used; the message says what to do."""


class Admin(BaseModel):
    """How this edge talks to its Traefik: a loopback port and a secret."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    port: int
    token: str


@dataclass(frozen=True, slots=True)
class State:
    """Names the files below one folder and writes them."""

    root: Path

    @property
    def traefik(self) -> Path:
        """Return Traefik's folder."""
        return self.root / "traefik"

    @property
    def nginx(self) -> Path:
        """Return nginx's folder."""
        return self.root / "nginx"

    @property
    def dynamic(self) -> Path:
        """Return the file Traefik watches; alone in its folder, so one change is one event."""
        return self.traefik / "dynamic" / "edge.yml"

    @property
    def certificates(self) -> Path:
        """Return the folder of certificates, named by their content."""
        return self.traefik / "certificates"

    @property
    def last_good(self) -> Path:
        """Return the snapshot that is served when the control plane is away."""
        return self.root / "last-good.json"

    def prepare(self) -> None:
        """Create the folders; raise StateError if that is impossible."""
        try:
            for folder in (self.root, self.traefik, self.nginx, self._staging):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.dynamic.parent, self.certificates):
                folder.mkdir(mode=0o700, exist_ok=True)
            self.root.chmod(0o700)
            for leftover in self._staging.iterdir():
                leftover.unlink()
        except OSError as error:
            raise StateError(
                f"{self.root}: {error.strerror}; give it to the edge's user"
            ) from error

    def lock(self) -> int:
        """Claim the folder for this process; raise StateError if another one has it."""
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise StateError(f"{self.root}: another edge is using it; stop that one") from error
        return descriptor

    def write(self, path: Path, text: str) -> None:
        """Replace a file in one step, on disk before it is visible."""
        staged = self._staging / f"{os.getpid()}-{path.name}"
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
            sink.write(text)
            sink.flush()
            os.fsync(sink.fileno())
        staged.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, path: Path) -> str | None:
        """Return a file's text, or None where there is none that can be read."""
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def admin(self, *, fresh_port: bool = False) -> Admin:
        """Return the stored way to Traefik's API, made or repaired when necessary."""
        path = self.root / "admin.json"
        try:
            stored = Admin.model_validate_json(self.read(path) or "")
        except ValidationError:
            stored = Admin(port=_free_port(), token=ids.new_token("ste"))
            self.write(path, stored.model_dump_json())
        if fresh_port and not _is_free(stored.port):
            stored = stored.model_copy(update={"port": _free_port()})
            self.write(path, stored.model_dump_json())
        return stored

    def default_pair(self) -> KeyPair:
        """Return the certificate for unknown names, made once."""
        pair = KeyPair(self.root / "unknown.crt", self.root / "unknown.key")
        if not (pair.chain.exists() and pair.key.exists()):
            chain, key = certificates.self_made()
            self.write(pair.key, key)
            self.write(pair.chain, chain)
        return pair

    def store_certificates(self, items: Iterable[Certificate]) -> dict[str, KeyPair]:
        """Write what is missing; a file's name is its content, so none ever changes."""
        return {item.id: self._store(item) for item in items}

    def forget_certificates(self, keep: Iterable[KeyPair]) -> None:
        """Remove the files that no active configuration mentions."""
        wanted = {path for pair in keep for path in (pair.chain, pair.key)}
        for path in self.certificates.iterdir():
            if path not in wanted:
                path.unlink(missing_ok=True)

    def rotate(self, logs: Iterable[Path]) -> bool:
        """Put aside logs that grew too long; True asks for a signal to reopen them."""
        rotated = False
        for log in logs:
            if log.exists() and log.stat().st_size > _MAX_LOG:
                log.replace(log.with_name(f"{log.name}.1"))
                rotated = True
        return rotated

    @property
    def _staging(self) -> Path:
        return self.root / "staging"

    def _store(self, item: Certificate) -> KeyPair:
        name = hashlib.sha256(json.dumps([item.chain, item.key]).encode()).hexdigest()[:32]
        pair = KeyPair(self.certificates / f"{name}.crt", self.certificates / f"{name}.key")
        for path, text in ((pair.key, item.key), (pair.chain, item.chain)):
            if self.read(path) != text:
                path.touch(mode=_PRIVATE)
                path.write_text(text, encoding="utf-8")
        return pair


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    return can_listen(("127.0.0.1", port))


def can_listen(address: tuple[str, int]) -> bool:
    """Tell whether a TCP port can be bound right now."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
        return True
