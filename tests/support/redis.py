"""A real Redis over TLS, started by the tests; it may be killed and started again."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stead_agent import resp

ADMIN, PASSWORD = "root", "correct-horse-battery"
# What docs/recipes/carry-jobs-over-redis.md gives to the control plane, and nothing more.
STEAD = (
    "stead on >{} ~agent:* ~job:* &agent:*:calls &job:*:updates -@all "
    "+auth +ping +rpush +lpop +expire +psubscribe +acl"
)
HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """One redis-server whose data outlives it only where ``keep`` says so."""

    def __init__(self, folder: Path, certificate: Path, ca: str, *, keep: bool = False) -> None:
        self.folder = folder
        self.ca = ca
        self.port = free_port()
        self._certificate = certificate
        self._keep = keep
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"rediss://stead:{PASSWORD}@{HOST}:{self.port}"

    def start(self) -> None:
        pem = str(self._certificate)
        # It ends with us, however we end.
        words = ["setpriv", "--pdeathsig", "KILL"]
        words += ["redis-server", "--port", "0", "--tls-port", str(self.port), "--bind", HOST]
        words += ["--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", pem]
        words += ["--tls-auth-clients", "no", "--dir", str(self.folder), "--save", ""]
        words += ["--appendonly", "yes" if self._keep else "no", "--logfile", "redis.log"]
        words += ["--user", ADMIN, "on", f">{PASSWORD}", "~*", "&*", "+@all"]
        words += ["--user", *STEAD.format(PASSWORD).split(), "--user", "default", "off"]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
        until_it_answers(self)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def connect(self, user: str = ADMIN, password: str = PASSWORD) -> "Client":
        return Client(self, user, password)

    def do(self, *words: str) -> object:
        """Give one command as the administrator."""
        client = self.connect()
        try:
            return client.do(*words)
        finally:
            client.close()


class Client:
    """A connection of a test."""

    def __init__(self, server: RedisServer, user: str, password: str) -> None:
        context = ssl.create_default_context(cadata=server.ca)
        raw: socket.socket = socket.create_connection((HOST, server.port), 10)
        self._reader = resp.Reader()
        try:
            raw = self.socket = context.wrap_socket(raw, server_hostname=HOST)
            assert self.do("AUTH", user, password) == "OK"
        except BaseException:
            raw.close()
            raise

    def do(self, *words: str) -> object:
        self.socket.sendall(resp.encode(*words))
        return self.read()

    def read(self) -> object:
        while (whole := self._reader.take()) is None:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError
            self._reader.feed(data)
        return whole[0]

    def close(self) -> None:
        self.socket.close()


def until_it_answers(server: RedisServer) -> None:
    for _ in range(1000):
        try:
            server.connect().close()
        except OSError:
            threading.Event().wait(0.02)
        else:
            return
    raise AssertionError(f"redis-server does not answer: {server.folder / 'redis.log'}")


@contextmanager
def running_redis(
    folder: Path, certificate: Path, ca: str, *, keep: bool = False
) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server here")
    folder.mkdir(parents=True, exist_ok=True)
    made = RedisServer(folder, certificate, ca, keep=keep)
    made.start()
    try:
        yield made
    finally:
        made.kill()
