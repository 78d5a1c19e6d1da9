"""Speaks to the control plane: each object keeps one TLS connection for one thread."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from stead_agent import signing
from stead_agent.clock import Wall
from stead_agent.identity import Identity

ANSWER_LIMIT = 4 * 1024 * 1024
CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
_CHUNK = 64 * 1024
_KEEPALIVE = (
    (socket.TCP_KEEPIDLE, 10),
    (socket.TCP_KEEPINTVL, 5),
    (socket.TCP_KEEPCNT, 3),
)
TRY_LATER = (401, 408, 425, 429)
_CLOSED = (
    http.client.RemoteDisconnected,
    ConnectionError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)

_Reader = Callable[[http.client.HTTPResponse], dict[str, object]]


class UnreachableError(Exception):
    """The control plane cannot be asked now; the same question may be asked again later."""


class _StaleError(UnreachableError):
    """The connection was closed before an answer came."""


class _SkewedError(UnreachableError):
    """The request was refused, and its time was wrong."""


@dataclass(frozen=True)
class Answer:
    """A status that says something about the question itself, and the object that came along."""

    status: int
    body: dict[str, object]


@dataclass(frozen=True)
class _Question:
    method: str
    target: str
    body: bytes
    seconds: float
    read: _Reader


class Line:
    """A connection that signs what it sends and reconnects by itself."""

    def __init__(self, identity: Identity, wall: Wall | None = None) -> None:
        self._identity = identity
        self._http = _connection(identity)
        self._interrupted = False
        self._wall = wall or Wall()
        self._date: str | None = None
        self.offered: str | None = None

    def call(
        self,
        method: str,
        target: str,
        body: dict[str, object] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """Ask, and return the answer; raise UnreachableError when asking again may help."""
        return self._ask(_Question(method, target, encode(body), seconds, _read_object))

    def download(self, target: str, sink: BinaryIO, limit: int) -> Answer:
        """Write a body of at most limit bytes to the sink; nothing is written unless it is 200."""

        def save(response: http.client.HTTPResponse) -> dict[str, object]:
            sink.seek(0)
            sink.truncate()
            left = limit
            while chunk := response.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise UnreachableError("the download is larger than allowed")
                sink.write(chunk)
            if response.length:
                raise UnreachableError("the download ended early")
            return {}

        return self._ask(_Question("GET", target, b"", ANSWER_SECONDS, save))

    def interrupt(self) -> None:
        """End a waiting call from another thread; the connection is of no use afterwards."""
        self._interrupted = True
        connected = self._http.sock
        if connected is not None:
            try:
                # SSLSocket.shutdown would forget its TLS state under the other thread's feet.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)
            except OSError:
                return

    @property
    def is_useless(self) -> bool:
        """Tell whether it was interrupted."""
        return self._interrupted

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _ask(self, question: _Question) -> Answer:
        idle = self._http.sock is not None
        try:
            return self._exchange(question)
        except _SkewedError:
            if self._interrupted:
                raise
        except _StaleError:
            # An idle connection that the other side closed meanwhile says nothing about now.
            if not idle or self._interrupted:
                raise
        return self._exchange(question)

    def _exchange(self, question: _Question) -> Answer:
        try:
            answer = self._send(question)
        except UnreachableError:
            self._http.close()
            raise
        except _CLOSED as error:
            self._http.close()
            raise _StaleError(_describe(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._http.close()
            raise UnreachableError(_describe(error)) from error
        skewed = self._wall.follow(self._date)
        if answer.status == http.client.UNAUTHORIZED and skewed:
            raise _SkewedError(f"HTTP {answer.status}")
        if answer.status in TRY_LATER or answer.status >= http.client.INTERNAL_SERVER_ERROR:
            raise UnreachableError(f"HTTP {answer.status}")
        return answer

    def _send(self, question: _Question) -> Answer:
        self._connect(question.seconds)
        if self._interrupted:
            # Checked once the connection is there: until then nothing could be shut down.
            raise UnreachableError("the agent stops")
        self._http.request(
            question.method,
            question.target,
            question.body,
            headers=signed_headers(
                self._identity,
                self._wall,
                (question.method, question.target, question.body),
            ),
        )
        response = self._http.getresponse()
        self._date = response.getheader("Date")
        self.offered = response.getheader("Stead-Transport") or self.offered
        read = question.read if response.status == http.client.OK else _read_object
        return Answer(response.status, read(response))

    def _connect(self, seconds: float) -> None:
        if self._http.sock is None:
            self._http.connect()
        connected: socket.socket = self._http.sock
        # A control plane that lost its power must not be waited for until the next reboot.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
        connected.settimeout(seconds)


def signed_headers(identity: Identity, wall: Wall, call: tuple[str, str, bytes]) -> dict[str, str]:
    """Return the head of a call, (method, target, body), with a fresh nonce."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if identity.agent is None:
        return headers
    sender = (identity.agent, signing.new_nonce(), str(wall.now()))
    signature = signing.request_signature(identity.key, call[:2], sender, call[2])
    return {
        **headers,
        "Stead-Agent": sender[0],
        "Stead-Nonce": sender[1],
        "Stead-Time": sender[2],
        "Stead-Signature": signature,
    }


def _connection(identity: Identity) -> http.client.HTTPSConnection:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=identity.ca)
        server = urlsplit(identity.server)
        host, port = server.hostname or "", server.port or http.client.HTTPS_PORT
    except (ssl.SSLError, ValueError) as error:
        raise UnreachableError("the server's address or CA cannot be read") from error
    return http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=context)


def encode(body: dict[str, object] | None) -> bytes:
    """Return what is sent and signed."""
    return b"" if body is None else json.dumps(body).encode()


def _read_object(response: http.client.HTTPResponse) -> dict[str, object]:
    """Read the answer whole, so that the connection can be used again."""
    raw = response.read(ANSWER_LIMIT + 1)
    if len(raw) > ANSWER_LIMIT:
        raise UnreachableError("the answer is larger than allowed")
    return parse_object(response.status, raw)


def parse_object(status: int, raw: bytes) -> dict[str, object]:
    """Return the object in a body, nothing when the status says that there is none."""
    if status != http.client.OK:
        return {}
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnreachableError("the answer is not JSON") from error
    if not isinstance(value, dict):
        raise UnreachableError("the answer is not an object")
    return value


def _describe(error: Exception) -> str:
    """Say what went wrong without the request in it."""
    return f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
