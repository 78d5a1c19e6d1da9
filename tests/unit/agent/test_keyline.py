"""The token that came as the comment of a key."""

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from stead.core import pki
from stead.engines.drivers.proxmox.injection import nobodys_key
from stead.kit.secrets import Secret
from stead_agent import identity, keyline, store
from stead_agent.transport import UnreachableError

TOKEN = "ste_abcdefgh"
PEOPLE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx anna@home\n"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[store.Store]:
    one = store.Store(tmp_path / "state")
    one.open()
    yield one
    one.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """Show a certificate to one caller; gives the port and the fingerprint."""
    pinned = pki.ensure_pinned(tmp_path / "tls", IPv4Address("127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pinned.chain, pinned.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def show() -> None:
            plain, _ = listener.accept()
            with plain, context.wrap_socket(plain, server_side=True) as line:
                line.recv(1)

        shower = threading.Thread(target=show, daemon=True)
        shower.start()
        yield listener.getsockname()[1], pinned.fingerprint
        socket.create_connection(listener.getsockname()).close()
        shower.join(10)


def keys(folder: Path, port: int, pin: str) -> Path:
    path = folder / "authorized_keys"
    line = nobodys_key(Secret(f"{TOKEN}:{pin}:127.0.0.1:{port}")).reveal()
    path.write_text(f"{PEOPLE}# --- BEGIN PVE ---\n{line}\n# --- END PVE ---\n")
    return path


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_line_becomes_a_bootstrap_and_is_gone(
    tmp_path: Path, kept: store.Store, server: tuple[int, str]
):
    path = keys(tmp_path, *server)
    keyline.take(kept, path)
    _, bootstrap = identity.prepare(kept)
    assert bootstrap is not None
    assert (bootstrap.token, bootstrap.server) == (TOKEN, f"https://127.0.0.1:{server[0]}")
    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(bootstrap.ca)).hexdigest() == server[1]
    assert path.read_text() == f"{PEOPLE}# --- BEGIN PVE ---\n# --- END PVE ---\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_another_server_gets_no_token(tmp_path: Path, kept: store.Store, server: tuple[int, str]):
    path = keys(tmp_path, server[0], "0" * 64)
    with pytest.raises(UnreachableError, match="pinned"):
        keyline.take(kept, path)
    assert not kept.bootstrap.exists()
    assert TOKEN in path.read_text()


def test_a_line_that_has_served_is_only_deleted(tmp_path: Path, kept: store.Store):
    path = keys(tmp_path, 1, "0" * 64)
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    store.write(kept.identity, {"token_digest": digest})
    keyline.take(kept, path)
    assert not kept.bootstrap.exists()
    assert TOKEN not in path.read_text()


@pytest.mark.parametrize(
    "text",
    ["", PEOPLE, "stead-enroll:x", "ssh-ed25519 A stead-enroll:t:p:h:1", "\x00" * 100],
)
def test_keys_of_people_are_left_alone(tmp_path: Path, kept: store.Store, text: str):
    path = tmp_path / "authorized_keys"
    path.write_text(text)
    keyline.take(kept, path)
    assert path.read_text() == text
    assert json.loads(json.dumps(store.read(kept.bootstrap))) is None


def test_no_file_of_keys_is_fine(tmp_path: Path, kept: store.Store):
    keyline.take(kept, tmp_path / "none")
    assert not kept.bootstrap.exists()


def test_a_token_is_not_in_what_is_printed():
    found = keyline.parse(nobodys_key(Secret(f"{TOKEN}:{'0' * 64}:192.0.2.1:8444")).reveal())
    assert found == keyline.Ticket(TOKEN, "0" * 64, "192.0.2.1", 8444)
    assert TOKEN not in repr(found)
