"""A command whose answer got lost asks again, and is the same command."""

from collections.abc import Callable

import httpx
import pytest

from stead.entrypoints import client as client_module
from stead.entrypoints.client import Client, CommandError
from stead.entrypoints.config import Login

Step = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAUSES", (0, 0))


def lose(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset")


def refuse(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def busy(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(409, json={"code": "request.still_running", "title": "Wait"})


def done(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(201, json={"id": "x"})


def talking(*script: Step) -> tuple[Client, list[str]]:
    """Return a client of a server that does these one after the other, and the keys it gets."""
    keys: list[str] = []
    steps = iter(script)

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return next(steps)(request)

    client = Client(Login("http://stead.test", "stt_x", ""))
    client._http = httpx.Client(
        transport=httpx.MockTransport(answer), base_url="http://stead.test"
    )
    return client, keys


@pytest.mark.parametrize("before", [(lose,), (lose, refuse), (busy, busy)])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(before: tuple[Step, ...]):
    client, keys = talking(*before, done)
    assert client.post("/api/v1/things") == {"id": "x"}
    assert len(set(keys)) == 1
    assert len(keys) == len(before) + 1


def test_every_command_has_a_key_of_its_own():
    client, keys = talking(done, done)
    client.post("/api/v1/things")
    client.post("/api/v1/things")
    assert len(set(keys)) == 2


def test_a_server_that_never_answers_is_given_up():
    client, keys = talking(lose, lose, lose)
    with pytest.raises(CommandError) as raised:
        client.post("/api/v1/things")
    assert (raised.value.code, len(keys)) == (8, 3)


def test_a_server_that_is_not_there_is_not_asked_again():
    client, keys = talking(refuse)
    with pytest.raises(CommandError):
        client.post("/api/v1/things")
    assert len(keys) == 1


def test_a_secret_that_was_in_the_lost_answer_is_not_silently_empty():
    client, _ = talking(
        lose, lambda _: httpx.Response(201, json={"token": None, "shown_already": True})
    )
    with pytest.raises(CommandError, match="shown only once"):
        client.post("/api/v1/tokens")
