"""Setting a server up, again and again, and half-way."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stead.core import vault
from stead.entrypoints import admin, config
from stead.entrypoints.plant import VAULT_KEY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = tmp_path / "data"
    path = tmp_path / "stead.toml"
    path.write_text(
        f"[server]\ndata_dir = {json.dumps(str(data))}\n"
        f"[edge]\ntoken_file = {json.dumps(str(data / 'edge.token'))}\n"
    )
    monkeypatch.setenv("STEAD_CONFIG", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return data


def run(*words: str) -> str:
    done = CliRunner().invoke(admin.admin_commands, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def content(folder: Path) -> dict[str, bytes]:
    names = ("ca.pem", "ca.key", "edge.token", VAULT_KEY)
    return {name: (folder / name).read_bytes() for name in names}


def test_setting_up_again_changes_no_key(folder: Path):
    run("init")
    before = content(folder)
    run("init")
    assert content(folder) == before


def test_only_the_owner_reads_what_is_secret(folder: Path):
    before = os.umask(0)
    try:
        run("init")
    finally:
        os.umask(before)
    open_to_others = {p.name for p in folder.iterdir() if p.stat().st_mode & 0o077}
    assert not open_to_others & {"ca.key", "edge.token", VAULT_KEY, "stead.db", "stead.db-wal"}
    assert (folder / "ca.pem").exists()


def test_a_key_that_was_half_written_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch):
    folder.mkdir()

    def die() -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vault.Fernet, "generate_key", die)
        with pytest.raises(KeyboardInterrupt):
            vault.ensure_key(folder / VAULT_KEY)
    run("init")
    vault.open_vault(folder / VAULT_KEY)


def test_the_command_line_signs_in_once(folder: Path):
    run("init")
    assert "is signed in to https://console.stead.localhost" in run("cli-login")
    login = config.find()
    assert "already" in run("cli-login")
    assert config.find() == login
    assert login is not None
    assert login.ca == (folder / "ca.pem").read_text()


@pytest.mark.usefixtures("folder")
def test_signing_in_means_this_server_and_keeps_the_others():
    run("init")
    run("cli-login")
    config.save("home", config.Login("https://home.test", "stt_x", ""))
    assert "already" in run("cli-login")
    assert sorted(config.load().logins) == ["console.stead.localhost", "home"]
    assert config.load().current == "console.stead.localhost"


def test_a_token_that_counts_no_more_is_replaced(folder: Path):
    run("init")
    run("cli-login")
    before = config.find()
    with closing(sqlite3.connect(folder / "stead.db")) as file, file:
        assert file.execute("update api_token set suspended_at = created_at").rowcount == 1
    assert "already" not in run("cli-login")
    after = config.find()
    assert before is not None
    assert after is not None
    assert after.token != before.token
    assert "already" in run("cli-login")


def test_links_are_for_people_that_exist(folder: Path):
    run("init")
    assert run("sign-in-link").startswith("https://console.stead.localhost/sign-in/stl_")
    done = CliRunner().invoke(admin.admin_commands, ["sign-in-link", "--user", "nobody"])
    assert (done.exit_code, "nobody named nobody" in done.output) == (1, True)
    assert folder.exists()


def test_before_it_is_set_up_it_says_what_to_do(folder: Path):
    folder.mkdir()
    done = CliRunner().invoke(admin.admin_commands, ["sign-in-link"])
    assert (done.exit_code, "stead admin init" in done.output) == (1, True)


@pytest.mark.usefixtures("folder")
def test_it_explains_who_may_do_what():
    run("init")
    asked = ["can", "admin", "deployment.create", "main"]
    assert "the role owner of this project includes it" in run(*asked)
    refused = CliRunner().invoke(admin.admin_commands, ["can", "admin", "project.reveal", "main"])
    assert (refused.exit_code, "Actions are: " in refused.output) == (1, True)
    for words in (["can", "nobody", "project.read"], ["can", "admin", "project.read", "other"]):
        assert CliRunner().invoke(admin.admin_commands, words).exit_code == 1


@pytest.mark.usefixtures("folder")
def test_a_reset_link_is_made_on_the_server():
    run("init")
    assert run("reset-link").startswith("https://console.stead.localhost/reset/stl_")
