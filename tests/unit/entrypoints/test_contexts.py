"""Several servers on one command line."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from stead.entrypoints import client as client_module, commands, config, context_commands
from stead.entrypoints.client import CommandError
from stead.entrypoints.config import Login


@pytest.fixture(autouse=True)
def servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let each server say by its token who it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("STEAD_CONTEXT", raising=False)

    def answer(login: Login) -> httpx.Client:
        me: dict[str, object] = dict.fromkeys(("admin", "auditor", "second_factor", "scopes"))
        me |= {"name": login.token, "projects": []}
        transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=me))
        return httpx.Client(transport=transport, base_url=login.url)

    monkeypatch.setattr(client_module, "_open", answer)


def run(*words: str, typed: str = "", said: str = "") -> Result:
    env = {"STEAD_CONTEXT": said} if said else {}
    return CliRunner().invoke(commands.app, [*words], input=typed, env=env)


def sign_in() -> None:
    for name in ("home", "work"):
        done = run("login", f"https://{name}.test", "--context", name, typed=f"{name}-token\n")
        assert done.exit_code == 0, done.output


def meant(*words: str, said: str = "") -> str:
    done = run(*words, "whoami", said=said)
    assert done.exit_code == 0, done.exception
    return done.output.split()[0]


def test_signing_in_to_a_second_server_keeps_the_first_and_means_the_second():
    sign_in()
    rows = json.loads(run("context", "list", "--json").output)
    assert rows == [
        {"name": "home", "url": "https://home.test", "current": False},
        {"name": "work", "url": "https://work.test", "current": True},
    ]
    assert "token" not in run("context", "list").output
    assert meant() == "work-token"


def test_use_means_another_from_then_on():
    sign_in()
    assert "home is meant from now on" in run("context", "use", "home").output
    assert meant() == "home-token"


def test_one_command_means_another_by_option_or_variable_and_the_option_wins():
    sign_in()
    assert meant("--context", "home") == "home-token"
    assert meant(said="home") == "home-token"
    assert meant("--context", "work", said="home") == "work-token"
    assert meant() == "work-token"


def test_a_server_without_a_name_is_called_by_its_host():
    done = run("login", "https://console.test:8443/", typed="t\n")
    assert "context console.test:8443" in done.output


def test_signing_in_again_replaces_the_token_of_the_same_context():
    sign_in()
    run("login", "https://home.test", typed="newer\n")
    assert config.load().logins["home"].token == "newer"
    assert len(config.load().logins) == 2


def test_a_variable_that_is_still_set_does_not_give_a_context_away_to_another_server():
    sign_in()
    done = run("login", "https://third.test", typed="t\n", said="home")
    assert isinstance(done.exception, CommandError)
    assert "stead login https://third.test --context NAME" in str(done.exception)
    assert config.load().logins["home"].token == "home-token"


@pytest.mark.parametrize("name", ["a b", "x\ny", "", "n" * 101, "../x"])
def test_a_name_that_makes_trouble_is_refused(name: str):
    if name == "":
        assert run("login", "https://x.test", "--context", name, typed="t\n").exit_code == 0
        return
    done = run("login", "https://x.test", "--context", name, typed="t\n")
    assert isinstance(done.exception, CommandError)
    assert config.load().logins == {}


def test_the_forgotten_is_gone_and_nobody_is_meant_by_accident():
    sign_in()
    assert isinstance(run("context", "remove", "work").exception, CommandError)
    assert "until it is revoked" in run("context", "remove", "work", "--yes").output
    done = run("whoami")
    assert isinstance(done.exception, CommandError)
    assert "stead context use NAME\nThere are: home" in str(done.exception)


@pytest.mark.parametrize("words", [("context", "use"), ("context", "remove"), ("--context",)])
def test_what_is_not_there_says_what_is(words: tuple[str, ...]):
    sign_in()
    verb = ["whoami"] if words == ("--context",) else []
    done = run(*words, "elsewhere", *verb)
    assert isinstance(done.exception, CommandError)
    assert done.exception.code == 5
    assert "there are: home, work" in str(done.exception)


def test_a_list_of_nothing_says_so():
    assert run("context", "list").output == "Nothing here yet\n"


def test_the_shell_completes_names():
    sign_in()
    assert context_commands.names("w") == ["work"]
    done = CliRunner().invoke(
        commands.app,
        [],
        prog_name="stead",
        env={
            "_STEAD_COMPLETE": "complete_bash",
            "COMP_WORDS": "stead context use h",
            "COMP_CWORD": "3",
        },
    )
    assert done.output.split() == ["home"]
