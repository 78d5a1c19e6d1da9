"""Which way a call takes: over a Redis while there is one that works, else over HTTPS."""

from __future__ import annotations

import http.client
import threading
import time

from stead_agent import carried, log
from stead_agent.clock import Wall
from stead_agent.identity import Identity
from stead_agent.transport import (
    ANSWER_SECONDS,
    TRY_LATER,
    Answer,
    Line,
    UnreachableError,
    encode,
    parse_object,
    signed_headers,
)

REDIS = "redis"
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


class Signpost:
    """What is known about the Redis; all roads of an agent look at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._place: carried.Place | None = None
        self._failures = 0
        self._again = 0.0
        self._asked = False
        self.wall = Wall()

    def place(self) -> carried.Place | None:
        """Return where to go, None for HTTPS."""
        with self._lock:
            return self._place

    def look(self, line: Line) -> None:
        """Ask for the way: once, and when the control plane says that there is another."""
        wanted = not self._asked or line.offered == REDIS
        if not wanted or self.place() is not None or time.monotonic() < self._again:
            return
        answer = line.call("GET", "/agent/v1/transport")
        found = carried.parse_place(answer.body.get(REDIS))
        self._asked = True
        with self._lock:
            self._place = found
        if found is None and line.offered == REDIS:
            self.leave("the control plane names none now")
        elif found is not None:
            log.event("redis.used", host=found.host, port=found.port)

    def leave(self, reason: str) -> None:
        """Take HTTPS for a while."""
        with self._lock:
            self._place = None
            pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._failures += 1
            self._again = time.monotonic() + pause
        log.event("redis.left", reason=reason, seconds=pause)

    def confirm(self) -> None:
        """Note that it works."""
        with self._lock:
            self._failures = 0


class Road(Line):
    """A line that has calls about jobs carried where that can be."""

    def __init__(self, identity: Identity, signpost: Signpost) -> None:
        super().__init__(identity, signpost.wall)
        self._me = identity
        self._signpost = signpost
        self._redis: carried.Redis | None = None
        self._used: carried.Place | None = None

    def call(
        self,
        method: str,
        target: str,
        body: dict[str, object] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """Ask, and return the answer; raise UnreachableError when asking again may help."""
        place = self._signpost.place()
        if place is None or carried.list_for(str(self._me.agent), target) is None:
            return super().call(method, target, body, seconds)
        if self.is_useless:
            raise UnreachableError("the agent stops")
        claims = target == carried.CLAIM
        wait = seconds if claims else carried.ANSWER_SECONDS
        call = (method, target, encode(body))
        headers = signed_headers(self._me, self._signpost.wall, call)
        try:
            status, raw = self._connection(place).ask(call, headers, wait)
        except carried.AnewError as error:
            raise UnreachableError(str(error)) from error
        except carried.CarryError as error:
            if not self.is_useless:
                self._signpost.leave(str(error))
            raise UnreachableError(f"over Redis: {error}") from error
        if status == http.client.UNAUTHORIZED:
            # Over HTTPS the answer's date would set the clock right.
            self._signpost.leave("a call was not taken")
        if status in TRY_LATER or status >= http.client.INTERNAL_SERVER_ERROR:
            raise UnreachableError(f"HTTP {status} over Redis")
        self._signpost.confirm()
        return Answer(status, parse_object(status, raw))

    def interrupt(self) -> None:
        """End a waiting call from another thread."""
        super().interrupt()
        redis = self._redis
        if redis is not None:
            redis.interrupt()

    def close(self) -> None:
        """Give the connections back."""
        super().close()
        if self._redis is not None:
            self._redis.close()

    def _connection(self, place: carried.Place) -> carried.Redis:
        if self._redis is None or self._used != place:
            if self._redis is not None:
                self._redis.close()
            self._redis, self._used = carried.Redis(self._me, place), place
        return self._redis
