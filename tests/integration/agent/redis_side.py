"""The control plane's hand in a Redis: carried calls get the answers that HTTPS would get."""

import contextlib
import hashlib
import json
import re
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.support.redis import Client, RedisServer

from stead_agent.signing import redis_password

if TYPE_CHECKING:
    from tests.integration.agent.control_plane import ControlPlane


class RedisSide:
    """Listens while the control plane is there; each call is answered in a thread of its own."""

    def __init__(self, plane: "ControlPlane", redis: RedisServer) -> None:
        self._plane = plane
        self._redis = redis
        self._ringing: Client | None = None
        self._going = False
        self._thread: threading.Thread | None = None
        self.connected = threading.Event()
        self.carried = 0
        self.forge = False

    def start(self) -> None:
        self._going = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.connected.wait(20)

    def stop(self) -> None:
        self._going = False
        self.connected.clear()
        if self._ringing is not None:
            with contextlib.suppress(OSError):
                self._ringing.socket.shutdown(2)
        if self._thread is not None:
            self._thread.join(10)

    def place(self, agent: str, key: str) -> dict[str, Any]:
        """Let an agent in."""
        word = redis_password(key, agent)
        allowed = [f"~agent:{agent}:*", f"&agent:{agent}:*", "~job:*:updates", "&job:*:updates"]
        may = ["+rpush", "+publish", "+blpop", "+lrem", "+del"]
        user = f"stead-agent-{agent}"
        self._redis.do("ACL", "SETUSER", user, "reset", "on", f">{word}", *allowed, *may)
        return {"host": "127.0.0.1", "port": self._redis.port, "ca": self._redis.ca, "user": user}

    def _run(self) -> None:
        while self._going:
            try:
                self._listen()
            except (OSError, AssertionError):
                self.connected.clear()
                threading.Event().wait(0.05)

    def _listen(self) -> None:
        ringing = self._ringing = self._redis.connect()
        try:
            for pattern in ("agent:*:calls", "job:*:updates"):
                ringing.do("PSUBSCRIBE", pattern)
            self.connected.set()
            for agent in list(self._plane.keys):
                self._redis.do("RPUSH", f"agent:{agent}:jobs", json.dumps({"call": "anew"}))
            while self._going:
                told = ringing.read()
                assert isinstance(told, list)
                self._empty(told[2].decode())
        finally:
            ringing.close()

    def _empty(self, name: str) -> None:
        while isinstance(raw := self._redis.do("LPOP", name), bytes):
            threading.Thread(target=self._answer, args=(json.loads(raw),), daemon=True).start()

    def _answer(self, call: dict[str, Any]) -> None:
        from tests.integration.agent.control_plane import Handler, sign  # noqa: PLC0415 - they know each other

        plane, headers = self._plane, call["headers"]
        one = Handler.__new__(Handler)
        one.server = SimpleNamespace(plane=plane)  # type: ignore[assignment]
        one.path, one.command, one.headers = call["target"], call["method"], headers
        self.carried += 1
        status, answer = one._answer(plane, call["body"].encode())
        if self.forge:
            status, answer = 200, {"next": 99, "cancel": True}
        verb = re.sub(r"\?.*", "", one.path).rsplit("/", 1)[-1]
        plane.calls.append(f"{verb} {status}")
        if verb in plane.lose_answers:
            plane.lose_answers.remove(verb)
            return
        agent, nonce = headers["Stead-Agent"], headers["Stead-Nonce"]
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        body = "" if status == 204 else raw.decode(errors="replace")
        digest = hashlib.sha256(body.encode()).hexdigest()
        text = f"stead-answer-v1\n{nonce}\n{status}\n{digest}"
        told = {"call": nonce, "status": status, "body": body}
        told["signature"] = "0" * 64 if self.forge else sign(plane.keys[agent], text)
        kind = "jobs" if verb == "claim" else f"answers:{nonce}"
        try:
            self._redis.do("RPUSH", f"agent:{agent}:{kind}", json.dumps(told))
        except (OSError, AssertionError):
            return
