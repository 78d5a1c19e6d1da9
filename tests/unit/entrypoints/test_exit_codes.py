"""Every kind of failure has an exit code that scripts can rely on."""

import sys

import httpx
import pytest

from stead.core.errors import HTTP_STATUS, Kind
from stead.entrypoints import client as client_module, commands, config
from stead.entrypoints.config import Login

EXPECTED = {
    Kind.MALFORMED: 7,
    Kind.UNAUTHENTICATED: 3,
    Kind.FORBIDDEN: 4,
    Kind.NOT_FOUND: 5,
    Kind.CONFLICT: 6,
    Kind.STALE: 6,
    Kind.QUOTA: 6,
    Kind.UNSUPPORTED: 6,
    Kind.INVALID: 7,
    Kind.TOO_LARGE: 7,
    Kind.RATE_LIMITED: 8,
    Kind.UNAVAILABLE: 8,
}


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_of_failure_ends_a_command_with_its_code(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    problem = {"title": "No", "code": f"test.{kind}", "hint": "Do something else"}

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(HTTP_STATUS[kind], json=problem)

    def opened(_login: Login) -> httpx.Client:
        transport = httpx.MockTransport(answer)
        return httpx.Client(transport=transport, base_url="http://stead.test")

    monkeypatch.setattr(client_module, "_open", opened)
    monkeypatch.setattr(config, "find", lambda: Login("http://stead.test", "stt_x", ""))
    monkeypatch.setattr(sys, "argv", ["stead", "token", "list"])
    with pytest.raises(SystemExit) as raised:
        commands.main()
    assert raised.value.code == EXPECTED[kind]
    assert "Do something else" in capsys.readouterr().err
