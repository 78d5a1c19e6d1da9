"""The command line against a server on the loopback: streams, failures, names."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from stead.entrypoints import change_commands, client as client_module
from stead.entrypoints.client import Client, CommandError
from stead.entrypoints.config import Login
from stead.entrypoints.follow import follow
from stead.kit import clock

OPERATION = {
    "title": "Deploy",
    "state": "succeeded",
    "error": None,
    "steps": [{"name": "a", "title": "Step a"}],
}
EVENTS = [
    (
        "step",
        {"seq": 1, "step": "a", "at": "2026-01-01T00:00:00+00:00", "data": {"state": "running"}},
    ),
    ("log", {"seq": 2, "data": {"text": "line one"}}),
    ("log", {"seq": 3, "data": {"text": "line two"}}),
    (
        "step",
        {"seq": 4, "step": "a", "at": "2026-01-01T00:00:02+00:00", "data": {"state": "done"}},
    ),
]


def frame(kind: str, event: dict[str, Any]) -> bytes:
    return f"id: {event.get('seq')}\nevent: {kind}\ndata: {json.dumps(event)}\n\n".encode()


END = b"event: end\ndata: {}\n\n"
Script = Callable[[str, int], tuple[int, bytes]]


@pytest.fixture
def serve() -> Iterator[Callable[[Script], str]]:
    """Return a function that serves answers: given path and last event, status and body."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(script: Script) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = script(self.path, int(self.headers.get("Last-Event-ID", 0)))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def client(url: str) -> Client:
    return Client(Login(url, "stt_x", ""))


def rest(after: int) -> list[bytes]:
    return [frame(kind, event) for kind, event in EVENTS if event["seq"] > after]


def broken_at(cuts: list[object]) -> Script:
    """Serve the rest of the stream, cut after some bytes, or an error, as often as told."""

    def script(path: str, after: int) -> tuple[int, bytes]:
        if not path.endswith("/events"):
            return 200, json.dumps(OPERATION).encode()
        whole = b": hello\n\n" + b"".join(rest(after)) + END
        cut = cuts.pop(0) if cuts else None
        if isinstance(cut, tuple):
            return cut
        return 200, whole[:cut]

    return script


STREAM = len(b"".join(rest(0)))


@pytest.mark.parametrize(
    "cuts",
    [
        [],
        [0, 0, 0],
        list(range(20, STREAM, 60)),
        [STREAM // 2, (502, b"Bad Gateway"), (503, b"{}"), (504, b"")],
        [(502, b"")],
    ],
)
def test_a_broken_stream_goes_on_without_losing_or_doubling_a_line(
    serve: Callable[[Script], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    cuts: list[object],
):
    monkeypatch.setattr(threading.Event, "wait", _no_wait)
    follow(client(serve(broken_at(cuts))), "o")
    assert capsys.readouterr().out.splitlines() == [
        "Deploy",
        "  ·   Step a",
        "      line one",
        "      line two",
        "  ok  Step a (2.0 s)",
    ]


_wait = threading.Event.wait


def _no_wait(event: threading.Event, timeout: float | None = None) -> bool:
    """Shorten only the pause between two tries."""
    return _wait(event, 0.001 if timeout == 0.5 else timeout)


def test_a_stream_that_breaks_often_but_moves_is_followed_to_its_end(
    serve: Callable[[Script], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    pretend(monkeypatch)

    def script(path: str, after: int) -> tuple[int, bytes]:
        if not path.endswith("/events"):
            return 200, json.dumps(OPERATION).encode()
        if after >= 60:
            return 200, END
        return 200, frame("log", {"seq": after + 1, "data": {"text": str(after + 1)}})

    follow(client(serve(script)), "o")
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]
    assert shown == [str(n) for n in range(1, 61)]


def test_a_server_that_is_away_for_minutes_is_waited_for(
    serve: Callable[[Script], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    now = pretend(monkeypatch)
    away = iter([200] + [502] * 25 + [200] * 9)

    def script(path: str, after: int) -> tuple[int, bytes]:
        if not path.endswith("/events"):
            return 200, json.dumps(OPERATION).encode()
        status = next(away)
        if status != 200:
            return status, b""
        return 200, END if after else frame("log", {"seq": 1, "data": {"text": "before"}})

    follow(client(serve(script)), "o")
    assert now[0] > 240
    assert capsys.readouterr().out.splitlines() == ["Deploy", "      before"]


def test_a_server_that_does_not_come_back_is_given_up(
    serve: Callable[[Script], str], monkeypatch: pytest.MonkeyPatch
):
    pretend(monkeypatch)

    def script(path: str, _after: int) -> tuple[int, bytes]:
        return (502, b"") if path.endswith("/events") else (200, json.dumps(OPERATION).encode())

    with pytest.raises(CommandError, match=r"for 5 minutes(.|\n)*stead operation o$") as caught:
        follow(client(serve(script)), "o")
    assert caught.value.code == 8


def pretend(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass only in pauses between two tries, and fast; return what it shows."""
    now = [0.0]

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if timeout != 0.5:
            return _wait(event, timeout)
        now[0] += 10
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    return now


def test_a_failure_is_told_with_what_to_do(serve: Callable[[Script], str]):
    failed = OPERATION | {"state": "undo_failed", "error": {"message": "why", "hint": "how"}}

    def script(path: str, _after: int) -> tuple[int, bytes]:
        return 200, END if path.endswith("/events") else json.dumps(failed).encode()

    with pytest.raises(CommandError) as caught:
        follow(client(serve(script)), "o")
    assert str(caught.value) == "Deploy: undo failed\n  why\n  how"
    assert caught.value.code == 9


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((401, 3), (403, 4), (404, 5), (409, 6), (412, 6), (422, 7)),
        *((429, 8), (500, 1), (502, 8), (503, 8), (504, 8)),
    ],
)
def test_each_kind_of_refusal_has_its_exit_code(
    serve: Callable[[Script], str], status: int, code: int
):
    problem = {"title": "No", "fields": {"name": "bad"}, "hint": "Do this"}
    for body in (json.dumps(problem).encode(), b"<html>", b"[]", b'"x"', b""):
        url = serve(lambda _path, _after, body=body: (status, body))
        with pytest.raises(CommandError) as caught:
            client(url).get("/x")
        assert caught.value.code == code


def test_a_refusal_is_told_in_the_servers_words(serve: Callable[[Script], str]):
    problem = {"title": "No", "fields": {"name": "bad"}, "hint": "Do this"}
    url = serve(lambda _path, _after: (422, json.dumps(problem).encode()))
    with pytest.raises(CommandError) as caught:
        client(url).get("/x")
    assert str(caught.value) == "No\n  name: bad\nDo this"


def test_nobody_there_is_code_8():
    with pytest.raises(CommandError) as caught:
        client("http://127.0.0.1:9").get("/x")
    assert caught.value.code == 8


@pytest.mark.parametrize(
    ("url", "token", "ca"),
    [
        ("nonsense", "stt_x", ""),
        ("http://[::1", "stt_x", ""),
        ("http://127.0.0.1:9", "stt_ä", ""),
        ("http://127.0.0.1:9", "stt_x\ny", ""),
        ("https://127.0.0.1:9", "stt_x", "no certificate"),
    ],
)
def test_a_login_that_cannot_work_is_told_and_not_a_crash(url: str, token: str, ca: str):
    with pytest.raises(CommandError):
        Client(Login(url, token, ca)).get("/x")


@pytest.mark.parametrize(
    ("host", "dialled"),
    [
        ("console.stead.localhost", "127.0.0.1"),
        ("a.b.localhost", "127.0.0.1"),
        ("localhost.example", "localhost.example"),
        ("evillocalhost", "evillocalhost"),
        ("console.example", "console.example"),
    ],
)
def test_only_names_below_localhost_are_dialled_here(
    monkeypatch: pytest.MonkeyPatch, host: str, dialled: str
):
    seen: list[httpx.Request] = []

    def handle(_self: object, request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    with httpx.Client(transport=client_module._Loopback()) as http:
        http.get(f"https://{host}/x")
    assert seen[0].url.host == dialled
    assert seen[0].headers["host"] == host
    if dialled != host:
        assert seen[0].extensions["sni_hostname"] == host


def test_inputs_are_pairs_and_keep_what_follows_the_first_equals_sign():
    assert change_commands.pairs(["a=1", "b=", "c=x=y", "d= z "], "--set") == {
        "a": "1",
        "b": "",
        "c": "x=y",
        "d": " z ",
    }
    for wrong in ("a", "", "=x"):
        with pytest.raises(CommandError) as caught:
            change_commands.pairs([wrong], "--set")
        assert caught.value.code == 2
