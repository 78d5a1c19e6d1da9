"""A small control plane over TLS that enforces the agent protocol and can fail on demand."""

import hashlib
import hmac
import http.server
import json
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.integration.agent.redis_side import RedisSide

from stead.kit import clock

ADDRESS = "127.0.0.1"
TIMELY_SECONDS = 300
TRANSPORTS = ("https", "redis")
# What is about the agent itself asks the second way only before a change lands.
MOSTLY_HTTPS = ("https", pytest.param("redis", marks=pytest.mark.release))
T = TypeVar("T")


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sign(key: str, text: str) -> str:
    return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()


def until(holds: Callable[[], T], what: str, seconds: float = 10) -> T:
    """Return the first true value; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        threading.Event().wait(0.01)
    return value


class ControlPlane:
    """The server's half of the protocol, in memory; what an agent does wrong is a violation."""

    def __init__(self, certificate: Path, ca: str, address: str = ADDRESS) -> None:
        self.ca = ca
        self.address = address
        self._certificate = certificate
        self._server: Server | None = None
        self.port = 0
        self.changed = threading.Condition()
        self.tokens: dict[str, str | None] = {"ste_first": None}
        self.keys: dict[str, str] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.raw_offers: list[dict[str, Any]] = []
        self.offered: list[dict[str, Any]] = []
        self.packages: dict[str, bytes] = {}
        self.program = b""
        self.lines: dict[str, dict[int, dict[str, Any]]] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.extra_results: list[dict[str, Any]] = []
        self.lose_answers: list[str] = []
        self.calls: list[str] = []
        self.violations: list[str] = []
        self.nonces: set[str] = set()
        self.waiting = 0
        self.alter_packages = False
        self.lost_packages = False
        self.ahead = 0.0
        self.nonsense: list[bytes] = []
        self.redis: RedisSide | None = None

    # Life

    def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        self._server = Server((self.address, self.port), self, context)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        if self.redis is not None:
            self.redis.start()

    def stop(self) -> None:
        """Vanish: nothing listens any more and every connection is cut."""
        server, self._server = self._server, None
        if server is not None and self.redis is not None:
            self.redis.stop()
        if server is not None:
            server.shutdown()
            server.cut()
            with self.changed:
                self.changed.notify_all()
            server.server_close()

    @property
    def bootstrap(self) -> dict[str, str]:
        return {
            "server": f"https://{self.address}:{self.port}",
            "ca": self.ca,
            "token": "ste_first",
        }

    def now(self) -> float:
        """Return unix seconds; ``ahead`` of the machine that the agent runs on."""
        return clock.utc_now().timestamp() + self.ahead

    # Jobs

    def give(self, job: str, package: bytes, **wishes: Any) -> str:
        """Queue a job; wishes replace parts of its payload, or are its secrets."""
        digest = hashlib.sha256(package).hexdigest()
        self.packages.setdefault(digest, package)
        payload = {
            "package": {"id": "demo", "version": "1", "digest": digest},
            "script": "install.sh",
            "inputs": {},
            "timeout": 30,
            "expires": int(self.now()) + 60,
        }
        secrets = wishes.pop("secrets", {})
        with self.changed:
            self.jobs[job] = {
                "payload": {**payload, "secrets": list(secrets), **wishes},
                "secrets": secrets,
                "attempt": 0,
                "claimed": False,
                "cancel": False,
                "nonce": "",
            }
            self.changed.notify_all()
        return job

    def give_task(self, job: str, kind: str, content: str = "", **arguments: Any) -> str:
        """Queue a job that runs no package."""
        wishes = {"kind": kind, "arguments": arguments, "timeout": 30}
        secrets = {"content": content} if content else {}
        return self.give(job, b"", secrets=secrets, **wishes)

    def offer_raw(self, offer: dict[str, Any]) -> None:
        with self.changed:
            self.raw_offers.append(offer)
            self.changed.notify_all()

    def answer_nonsense(self, answers: list[bytes]) -> None:
        with self.changed:
            self.nonsense += answers
            self.changed.notify_all()

    def result(self, job: str, seconds: float = 10) -> dict[str, Any]:
        return until(lambda: self.results.get(job), f"the result of {job}", seconds)

    def text(self, job: str, stream: str = "stdout") -> list[str]:
        lines = self.lines.get(job, {})
        return [lines[n]["text"] for n in sorted(lines) if lines[n]["stream"] == stream]

    # Answers

    def enrol(self, body: dict[str, Any]) -> tuple[int, Any]:
        token, key = body["token"], body["key"]
        if token not in self.tokens or self.tokens[token] not in (None, key):
            return 401, {}
        self.tokens[token] = key
        agent = f"agent-{hashlib.sha256(token.encode()).hexdigest()[:8]}"
        self.keys[agent] = key
        return 200, {"agent": agent, "server_time": self.now()}

    def claim(self, agent: str, body: dict[str, Any]) -> tuple[int, Any]:
        deadline = time.monotonic() + body["wait"]
        with self.changed:
            while self._server is not None:
                if self.nonsense:
                    return 200, self.nonsense.pop(0)
                if self.raw_offers:
                    return 200, self.raw_offers.pop(0)
                offer = self._next_offer(agent, body["running"])
                if offer:
                    self.offered.append(offer)
                    return 200, offer
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self.waiting += 1
                self.changed.wait(left)
                self.waiting -= 1
        return 204, None

    def _next_offer(self, agent: str, running: list[str]) -> dict[str, Any] | None:
        for name, job in self.jobs.items():
            if name in self.results or f"{name}:{job['attempt']}" in running:
                continue
            job["attempt"] += 1
            job["nonce"] = hashlib.sha256(f"{name}{job['attempt']}".encode()).hexdigest()[:32]
            self.lines[name] = {}
            ticket = {k: job[k] for k in ("attempt", "nonce")}
            payload = canonical({"agent": agent, "job": name, **ticket, **job["payload"]})
            signature = sign(self.keys[agent], "stead-job-v1\n" + payload)
            return {"server_time": self.now(), "payload": payload, "signature": signature}
        return None

    def log(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        known = self.lines.setdefault(name, {})
        for line in body["lines"]:
            if line["seq"] > len(known) + 1:
                self.violations.append(f"{name}: line {line['seq']} after {len(known)}")
            if line["seq"] in known and known[line["seq"]] != line:
                self.violations.append(f"{name}: line {line['seq']} changed")
            known.setdefault(line["seq"], line)
        return 200, {"next": len(known) + 1, "cancel": self.jobs[name]["cancel"]}

    def take_result(self, agent: str, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        if body["signature"] != sign(self.keys[agent], "stead-result-v1\n" + body["payload"]):
            self.violations.append(f"{name}: the result's signature is wrong")
        result = json.loads(body["payload"])
        if canonical(result) != body["payload"] or result["agent"] != agent:
            self.violations.append(f"{name}: the result is not canonical or not the agent's")
        job = self.jobs.get(name, {"attempt": 0, "nonce": ""})
        current = (result["attempt"], result["nonce"]) == (job["attempt"], job["nonce"])
        if not current or self.results.get(name, result) != result:
            self.extra_results.append(result)
            return 409, {}
        self.results[name] = result
        return 200, {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Checks signatures and routes."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment, or each answer waits for a delayed ACK
    server: "Server"

    def setup(self) -> None:
        self.do_GET = self.do_POST = self._handle
        self.request.settimeout(60)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            self.rfile.close()  # the connection was cut with an answer still in the buffer

    def _handle(self) -> None:
        plane = self.server.plane
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if len(body) < size:  # the agent stopped in the middle of its request
            self.close_connection = True
            return
        verb = re.sub(r"\?.*", "", self.path).rsplit("/", 1)[-1]
        verb = "package" if "/packages/" in self.path else verb
        status, answer = self._answer(plane, body)
        plane.calls.append(f"{verb} {status}")
        if verb in plane.lose_answers:
            plane.lose_answers.remove(verb)
            self.close_connection = True
            return
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        raw = b"" if status == 204 else raw
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        if plane.redis is not None:
            self.send_header("Stead-Transport", "redis")
        self.end_headers()
        self.wfile.write(raw)

    def _answer(self, plane: ControlPlane, raw: bytes) -> tuple[int, Any]:
        if self.path == "/agent/v1/stead-agent.pyz":
            return 200, plane.program
        if self.path == "/agent/v1/enrol":
            return plane.enrol(json.loads(raw))
        return self._signed(plane, raw)

    def _signed(self, plane: ControlPlane, raw: bytes) -> tuple[int, Any]:
        agent = self.headers.get("Stead-Agent", "")
        if not self._is_signed(plane, agent, raw):
            return 401, {}
        if self.path.startswith("/agent/v1/packages/"):
            package = plane.packages.get(self.path.rsplit("/", 1)[1])
            package = None if plane.lost_packages else package
            if package is not None and plane.alter_packages:
                package = package.replace(b"touch", b"thump")
            return (404, {}) if package is None else (200, package)
        if self.path == "/agent/v1/transport":
            side = plane.redis
            return 200, {} if side is None else {"redis": side.place(agent, plane.keys[agent])}
        body = json.loads(raw) if raw else {}
        if self.path == "/agent/v1/jobs/claim":
            return plane.claim(agent, body)
        return self._job(plane, agent, body)

    def _job(self, plane: ControlPlane, agent: str, body: dict[str, Any]) -> tuple[int, Any]:
        found = re.fullmatch(r"/agent/v1/jobs/([^/?]+)/(\w+)(?:\?attempt=(\d+))?", self.path)
        assert found, self.path
        name, verb, asked = found.groups()
        if verb == "result":
            return plane.take_result(agent, name, body)
        job = plane.jobs[name]
        if int(asked or body.get("attempt", 0)) != job["attempt"]:
            return 409, {}
        if verb == "secrets":
            return 200, job["secrets"]
        if verb == "heartbeat":
            return 200, {"cancel": job["cancel"]}
        return plane.log(name, body)

    def _is_signed(self, plane: ControlPlane, agent: str, body: bytes) -> bool:
        nonce, digest = self.headers.get("Stead-Nonce", ""), hashlib.sha256(body).hexdigest()
        told = self.headers.get("Stead-Time", "")
        parts = ("stead-request-v1", self.command, self.path, agent, nonce, told, digest)
        if nonce in plane.nonces or len(nonce) != 32:
            plane.violations.append(f"{self.path}: the nonce is not fresh")
        plane.nonces.add(nonce)
        key = plane.keys.get(agent)
        if key and self.headers.get("Stead-Signature") == sign(key, "\n".join(parts)):
            # Refused by the server's clock; the agent has to follow the answer's date.
            return abs(int(told) - plane.now()) <= TIMELY_SECONDS
        plane.violations.append(f"{self.path}: the signature is wrong")
        return False

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(
            self.server.plane.now() if timestamp is None else timestamp
        )

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Server(http.server.ThreadingHTTPServer):
    """TLS, and connections that can be cut."""

    daemon_threads = False  # closing waits for them, so that no socket outlives its test

    def __init__(
        self, address: tuple[str, int], plane: "ControlPlane", context: ssl.SSLContext
    ) -> None:
        self.plane = plane
        self._context = context
        self._open: list[socket.socket] = []
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        raw, address = super().get_request()
        self._open.append(raw)
        wrapped = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        self._open[-1] = wrapped
        return wrapped, address

    def cut(self) -> None:
        for one in self._open:
            try:
                socket.socket.shutdown(one, socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: object, client_address: object) -> None:
        if isinstance(sys.exc_info()[1], (OSError, ValueError)):
            return
        self.plane.violations.append(repr(sys.exc_info()[1]))
