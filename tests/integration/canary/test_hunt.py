"""The hunt finds what it looks for, however it was written down: else its silence says nothing."""

import base64
import gzip
import io
import json
import sqlite3
import subprocess
import sys
import tarfile
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.canary import Hunt, Mark

SECRET = 'kanarie "7f3é/+\\9c'
MARK = Mark("canary", SECRET, ("vault.key",))
WAYS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 after one": lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
    "base64 after two": lambda text: base64.b64encode(b"xy" + text.encode() + b"z"),
    "base64url": lambda text: base64.urlsafe_b64encode(b"password=" + text.encode()),
    "json": lambda text: json.dumps({"password": text}).encode(),
    "json as it is": lambda text: json.dumps({"p": text}, ensure_ascii=False).encode(),
    "json in json": lambda text: json.dumps({"body": json.dumps({"p": text})}).encode(),
    "url": lambda text: urllib.parse.urlencode({"p": text}).encode(),
    "path": lambda text: urllib.parse.quote(text, safe="").encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
}


def found(content: bytes, name: str = "file") -> list[str]:
    hunt = Hunt([MARK])
    hunt.content(name, content)
    return hunt.hits


@pytest.mark.parametrize("way", WAYS)
def test_it_finds_every_spelling(way: str):
    assert found(b"before " * 7 + WAYS[way](SECRET) + b" after") or found(WAYS[way](SECRET))


def test_it_finds_nothing_where_there_is_nothing():
    assert found(b"kanarie 7f3" * 100) == []


def test_it_looks_into_copies():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        packed = gzip.compress(SECRET.encode())
        member = tarfile.TarInfo("tables/event.jsonl.gz")
        member.size = len(packed)
        archive.addfile(member, io.BytesIO(packed))
    assert found(buffer.getvalue()) == ["canary (plain) in file!tables/event.jsonl.gz!gunzipped"]


def test_it_looks_into_what_the_database_has_not_moved_yet(tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "stead.db")
    connection.execute("pragma journal_mode=wal")
    connection.execute("create table event (data text)")
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.execute("insert into event values (?)", (SECRET,))
    connection.commit()
    hunt = Hunt([MARK])
    hunt.folder(tmp_path)
    connection.close()
    assert hunt.hits == ["canary (plain) in stead.db-wal"]


def test_only_a_secrets_own_home_may_hold_it(tmp_path: Path):
    for name in ("vault.key", "other"):
        (tmp_path / name).write_text(SECRET)
    hunt = Hunt([MARK])
    hunt.folder(tmp_path)
    assert hunt.hits == ["canary (plain) in other"]


def test_it_looks_at_processes_and_at_the_environment_of_ours():
    wait = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*wait, SECRET], **pipes) as by_word,
        subprocess.Popen(wait, env={"PASSWORD": SECRET}, **pipes) as by_environment,
    ):
        for one in (by_word, by_environment):
            assert one.stdout is not None
            one.stdout.readline()
        hunt = Hunt([MARK])
        hunt.processes([by_environment.pid])
        for one in (by_word, by_environment):
            one.communicate("")
    assert hunt.hits == [
        f"canary (plain) in /proc/{by_word.pid}/cmdline",
        f"canary (plain) in /proc/{by_environment.pid}/environ",
    ]
