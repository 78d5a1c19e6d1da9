"""Calls about jobs that a Redis carries: pushed to a list, rung for, answered in another list.

What is signed and how is the same as over HTTPS, and answers are signed too, so that a Redis can
lose and delay but not forge. Nothing that matters is only there: whoever asks waits for the
answer, and asks again, by whichever way there is.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

from stead_agent import resp, signing
from stead_agent.identity import Identity

CONNECT_SECONDS = 5
ANSWER_SECONDS = 5
ANEW = "anew"
CLAIM = "/agent/v1/jobs/claim"
_ABOUT_JOB = re.compile(r"/agent/v1/jobs/([A-Za-z0-9_-]{1,64})/(log|heartbeat|result)")
_CHUNK = 64 * 1024


class CarryError(Exception):
    """The Redis, or whoever should listen behind it, does not do its part now."""


class AnewError(Exception):
    """Whoever was asked has gone, and somebody else listens: ask again."""


@dataclass(frozen=True)
class Place:
    """Where the Redis is, as the control plane says, and as whom to sign in."""

    host: str
    port: int
    ca: str
    user: str


def parse_place(raw: object) -> Place | None:
    """Return the place in an answer, None when it names none."""
    raw = raw if isinstance(raw, dict) else {}
    host, port, ca, user = (raw.get(name) for name in ("host", "port", "ca", "user"))
    texts = [text for text in (host, ca, user) if isinstance(text, str) and text]
    if len(texts) != 3 or not isinstance(port, int) or not 0 < port < 2**16:  # noqa: PLR2004 - three texts
        return None
    return Place(texts[0], port, texts[1], texts[2])


def list_for(agent: str, target: str) -> str | None:
    """Return the list in which a call is put; None for one that is never carried."""
    if target == CLAIM:
        return f"agent:{agent}:calls"
    found = _ABOUT_JOB.fullmatch(target)
    return f"job:{found[1]}:updates" if found else None


class Redis:
    """One connection for one thread."""

    def __init__(self, identity: Identity, place: Place) -> None:
        self._me = identity
        self._agent = str(identity.agent)
        self._place = place
        self._reader = resp.Reader()
        self._socket: ssl.SSLSocket | None = None

    def ask(
        self, call: tuple[str, str, bytes], headers: Mapping[str, str], seconds: float
    ) -> tuple[int, bytes]:
        """Put (method, target, body) there and return the answer. Raises CarryError."""
        nonce, key = headers["Stead-Nonce"], list_for(self._agent, call[1])
        answers = f"agent:{self._agent}:jobs"
        if call[1] != CLAIM:
            answers = f"agent:{self._agent}:answers:{nonce}"
        message = json.dumps(
            {
                "method": call[0],
                "target": call[1],
                "headers": {n: v for n, v in headers.items() if n.startswith("Stead-")},
                "body": call[2].decode(),
            }
        )
        try:
            self._connect()
            if call[1] == CLAIM:
                # One thread claims, so that whatever is there is of an earlier claim.
                self._do(("DEL", str(key), answers))
            self._put(str(key), message)
            return self._wait(answers, nonce, seconds)
        except (OSError, ValueError, resp.RespError) as error:
            self.close()
            raise CarryError(f"{type(error).__name__}: {error}") from error
        except CarryError:
            self.close()
            raise

    def interrupt(self) -> None:
        """End a waiting call from another thread."""
        connected = self._socket
        if connected is not None:
            try:
                socket.socket.shutdown(connected, socket.SHUT_RDWR)
            except OSError:
                return

    def close(self) -> None:
        """Give the connection back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _put(self, key: str, message: str) -> None:
        _, heard = self._do(("RPUSH", key, message), ("PUBLISH", key, ""))
        if not heard:
            # Nobody listens: better known now than after a long wait.
            self._do(("LREM", key, "-1", message))
            raise CarryError("the control plane does not listen")

    def _wait(self, answers: str, nonce: str, seconds: float) -> tuple[int, bytes]:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            (found,) = self._do(("BLPOP", answers, f"{left:.3f}"), seconds=left + CONNECT_SECONDS)
            if not isinstance(found, list) or not isinstance(found[1], bytes):
                break
            answer = self._verified(found[1], nonce)
            # What is left of an earlier call answers nothing any more.
            if answer is not None:
                return answer
        raise CarryError("no answer came")

    def _verified(self, raw: bytes, nonce: str) -> tuple[int, bytes] | None:
        """Return the answer to this call, if this is one and the control plane signed it."""
        answer = json.loads(raw)
        if not isinstance(answer, dict):
            return None
        if answer.get("call") == ANEW:
            raise AnewError("the control plane was restarted")
        if answer.get("call") != nonce:
            return None
        status, body = answer.get("status"), answer.get("body")
        if not isinstance(status, int) or not isinstance(body, str):
            return None
        expected = signing.answer_signature(self._me.key, nonce, status, body.encode())
        if not signing.is_same(expected, answer.get("signature")):
            raise CarryError("an answer was not signed by the control plane")
        return status, body.encode()

    def _connect(self) -> None:
        if self._socket is not None:
            return
        place = self._place
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=place.ca)
        raw = socket.create_connection((place.host, place.port), CONNECT_SECONDS)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._reader = resp.Reader()
        self._socket = context.wrap_socket(raw, server_hostname=place.host)
        word = signing.redis_password(self._me.key, self._agent)
        self._do(("AUTH", place.user, word))

    def _do(self, *commands: tuple[str, ...], seconds: float = CONNECT_SECONDS) -> list[object]:
        connected = self._socket
        if connected is None:
            raise CarryError("the connection is gone")
        connected.settimeout(seconds)
        connected.sendall(b"".join(resp.encode(*words) for words in commands))
        return [self._read(connected) for _ in commands]

    def _read(self, connected: ssl.SSLSocket) -> object:
        while (whole := self._reader.take()) is None:
            data = connected.recv(_CHUNK)
            if not data:
                raise CarryError("the connection was closed")
            self._reader.feed(data)
        if isinstance(whole[0], resp.Refusal):
            raise CarryError(f"refused: {whole[0]}")
        return whole[0]
