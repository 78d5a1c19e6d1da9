"""Reading the configuration: files, variables, mistakes."""

from pathlib import Path

import pytest

from stead.core import settings
from stead.core.settings import SettingsError


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("STEAD_CONFIG", str(tmp_path / "stead.toml"))
    return tmp_path / "stead.toml"


def test_without_a_file_there_are_defaults():
    assert settings.load().server.domain == "stead.localhost"


def test_a_variable_overrides_the_file(clean: Path, monkeypatch: pytest.MonkeyPatch):
    clean.write_text('[server]\ndomain = "file.test"\nhttps_port = 8443\n')
    monkeypatch.setenv("STEAD_SERVER_DOMAIN", "variable.test")
    loaded = settings.load().server
    assert (loaded.domain, loaded.https_port) == ("variable.test", 8443)
    assert loaded.console_url == "https://console.variable.test:8443"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[server]\nno_such_name = "x"', "server.no_such_name"),
        ("[sevrer]\n", "sevrer"),
        ("[server]\nhttps_port = 'many'", "server.https_port"),
        ("server = 'x'", "server"),
        ("[server", "stead.toml"),
        ("\udcff", "stead.toml"),
        ("[network]\nrange = '10.90.0.0/25'", "network.range"),
        ("[network]\nrange = '10.90.0.1/16'", "network.range"),
        ("[server]\nagent_port = 0", "server.agent_port"),
        ("[redis]\nurl = 'redis://10.0.0.5:6379'\nca_file = '/x'", "rediss://"),
        ("[redis]\nurl = 'rediss://'\nca_file = '/x'", "rediss://"),
        ("[redis]\nurl = 'rediss://10.0.0.5'", "ca_file"),
        ("[redis]\nagent_address = '10.0.0.5'", "HOST:PORT"),
        ("[server]\nconsole_port = 65536", "server.console_port"),
    ],
)
@pytest.mark.parametrize("variable", [False, True])
def test_mistakes_are_named(
    clean: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: str, *, variable: bool
):
    clean.write_bytes(text.encode(errors="surrogateescape"))
    if variable:
        monkeypatch.setenv("STEAD_SERVER_DOMAIN", "variable.test")
    with pytest.raises(SettingsError, match=named):
        settings.load()


def test_a_port_of_443_is_left_out_of_the_address():
    assert settings.load().server.console_url == "https://console.stead.localhost"


def test_where_a_setting_comes_from_is_known(clean: Path, monkeypatch: pytest.MonkeyPatch):
    clean.write_text('[server]\ndomain = "file.test"\nhttps_port = 8443\n')
    monkeypatch.setenv("STEAD_SERVER_DOMAIN", "variable.test")
    loaded = settings.load()
    names = ("server.domain", "server.https_port", "server.console_port")
    assert [loaded.source(name) for name in names] == ["environment", "file", "default"]
    assert loaded.file == clean


@pytest.mark.parametrize("variable", [False, True])
def test_what_became_a_platform_setting_says_so(
    clean: Path, monkeypatch: pytest.MonkeyPatch, *, variable: bool
):
    if variable:
        monkeypatch.setenv("STEAD_SERVER_KEEP_OPERATIONS_DAYS", "30")
    else:
        clean.write_text("[server]\nkeep_operations_days = 30\n")
    with pytest.raises(SettingsError, match=r"stead config set operations\.keep_days"):
        settings.load()
