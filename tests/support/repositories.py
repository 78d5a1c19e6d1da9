"""Git repositories made by the tests, and a server of them over real HTTPS with its own CA."""

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.unit.catalog.builders import SCRIPT, described, text

from stead.core import pki

HOST = "git.stead.localhost"
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@dataclass(frozen=True)
class Repository:
    """A repository with a working tree, in a folder that a server may serve."""

    folder: Path

    def git(self, *words: str, feed: bytes = b"") -> str:
        """Call Git in it."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            check=True,
            capture_output=True,
            input=feed,
            env={**_ENVIRONMENT, "HOME": str(self.folder.parent)},
        )
        return done.stdout.decode().strip()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Put files into the working tree."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(
        self, files: Mapping[str, str | bytes] | None = None, key: Path | None = None
    ) -> str:
        """Commit everything, signed if a key is given; return the commit."""
        self.write(files or {})
        self.git("add", "-A")
        signing = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"] if key else []
        sign = ["-S"] if key else ["--no-gpg-sign"]
        self.git(*signing, "commit", "-q", "--allow-empty", *sign, "-m", "change")
        return self.git("rev-parse", "HEAD")


def create(folder: Path) -> Repository:
    """Make an empty repository whose branch is called main."""
    folder.mkdir(parents=True)
    made = Repository(folder)
    made.git("init", "-q", "-b", "main")
    return made


def package(name: str = "demo", **changes: object) -> dict[str, str | bytes]:
    """Return the files of a small package that is sound."""
    manifest = text(described(**{"id": name, **changes}))
    return {f"{name}/manifest.yml": manifest, f"{name}/install.sh": SCRIPT}


def key(folder: Path, name: str) -> tuple[Path, str]:
    """Make a key that signs; return its file and the public line."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path, path.with_suffix(".pub").read_text().strip()


@dataclass
class Server:
    """Where repositories are served, and what was asked for."""

    port: int
    authority: str
    asked: list[str] = field(default_factory=list)
    # Paths that are answered with a redirect to somewhere else.
    redirects: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Return the address of a repository."""
        return f"https://{HOST}:{self.port}/{name}/.git"


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Serve the repositories in a folder over HTTPS on the loopback."""
    pki.ensure_root(folder, "stead.localhost", IPv4Network("127.0.0.0/8"))
    authority = pki.load(folder)
    leaf = authority.issue(names=(HOST,), ips=(IPv4Address("127.0.0.1"),))
    chain, secret = folder / "leaf.crt", folder / "leaf.key"
    chain.write_bytes(leaf.chain.encode())
    secret.write_bytes(leaf.key.encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    server = Server(0, (folder / "ca.pem").read_text())
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder, server))
    listener.daemon_threads = True
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def _handler(folder: Path, server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Hands requests to Git's own server program."""

        def do_GET(self) -> None:
            """Answer a request."""
            parts = urlsplit(self.path)
            server.asked.append(self.path)
            for prefix, target in server.redirects.items():
                if parts.path.startswith(prefix):
                    self.send_response(302)
                    self.send_header("Location", target + self.path.removeprefix(prefix))
                    self.end_headers()
                    return
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = subprocess.run(
                ["git", "http-backend"],
                check=True,
                input=body,
                capture_output=True,
                env={
                    **_ENVIRONMENT,
                    "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": parts.path,
                    "QUERY_STRING": parts.query,
                    "REMOTE_ADDR": "127.0.0.1",
                },
            ).stdout
            head, _, content = answer.partition(b"\r\n\r\n")
            lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(lines.pop("Status", "200").split()[0]))
            for name, value in lines.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815  (the base class's name)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    return Handler


def poison(monkeypatch: Any, folder: Path) -> None:
    """Let the surroundings say what no call of Git may listen to."""
    (folder / ".gitconfig").write_text('[url "file:///"]\n\tinsteadOf = https://\n')
    for name, value in {
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": str(folder / ".gitconfig"),
        "GIT_DIR": str(folder / "elsewhere"),
        "https_proxy": "http://127.0.0.1:1",
        "GIT_SSL_NO_VERIFY": "1",
    }.items():
        monkeypatch.setitem(os.environ, name, value)
