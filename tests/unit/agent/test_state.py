"""What the agent keeps: identity, nonces, jobs."""

import json
from pathlib import Path

import pytest

from stead_agent import identity, store
from stead_agent.desk import KEEP, Desk, Ending, JobFolder
from stead_agent.identity import IdentityError
from stead_agent.job import Ticket
from stead_agent.nonces import Nonces
from stead_agent.store import Store, StoreError

BOOTSTRAP = {"server": "https://10.0.0.1:8444", "ca": "PEM", "token": "ste_x"}
KEY = "00" * 32


@pytest.fixture
def kept(tmp_path: Path) -> Store:
    opened = Store(tmp_path / "state")
    opened.open()
    return opened


def test_folder_is_for_one_agent_and_root_only(kept: Store):
    assert kept.root.stat().st_mode & 0o777 == 0o700
    with pytest.raises(StoreError, match="already runs"):
        Store(kept.root).open()


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_file_that_cannot_be_read_is_like_none(tmp_path: Path, raw: bytes):
    (tmp_path / "x").write_bytes(raw)
    assert store.read(tmp_path / "x") is None


def test_written_file_replaces_the_old_one_and_is_private(tmp_path: Path):
    (tmp_path / "x.new").write_text("left by a crash")
    store.write(tmp_path / "x", {"a": 1})
    store.write(tmp_path / "x", {"a": 2})
    assert store.read(tmp_path / "x") == {"a": 2}
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_key_is_on_disk_before_it_is_used_and_stays(kept: Store):
    store.write(kept.bootstrap, BOOTSTRAP)
    first, pending = identity.prepare(kept)
    again, _ = identity.prepare(kept)
    assert pending is not None
    assert first == again
    assert json.loads(kept.identity.read_text())["key"] == first.key


def test_identity_with_its_own_bootstrap_left_over_is_kept(kept: Store):
    store.write(kept.bootstrap, BOOTSTRAP)
    first, _ = identity.prepare(kept)
    first.named("me").save(kept)
    assert identity.prepare(kept) == (first.named("me"), None)
    assert not kept.bootstrap.exists()


def test_bootstrap_with_another_token_replaces_identity_and_work(kept: Store):
    store.write(kept.bootstrap, BOOTSTRAP)
    first, _ = identity.prepare(kept)
    first.named("source").save(kept)
    Nonces(kept.nonces).remember("nonce-of-source", 100, 0)
    Desk(kept.jobs).open(Ticket("source", "j", 1, "n" * 8), 0)
    store.write(kept.bootstrap, {**BOOTSTRAP, "token": "ste_other"})
    second, pending = identity.prepare(kept)
    assert (second.agent, pending is None) == (None, False)
    assert second.key != first.key
    assert list(kept.jobs.iterdir()) == []
    assert "nonce-of-source" not in Nonces(kept.nonces)


@pytest.mark.parametrize(
    "raw", [{}, {**BOOTSTRAP, "server": "http://x"}, {**BOOTSTRAP, "token": 5}]
)
def test_nothing_to_go_by_is_an_error(kept: Store, raw: dict[str, object]):
    store.write(kept.bootstrap, raw)
    with pytest.raises(IdentityError):
        identity.prepare(kept)


def test_key_and_token_are_not_in_a_repr(kept: Store):
    store.write(kept.bootstrap, BOOTSTRAP)
    made, bootstrap = identity.prepare(kept)
    assert made.key not in repr(made)
    assert "ste_x" not in repr(bootstrap)


def test_nonces_survive_a_restart_until_long_after_they_expired(tmp_path: Path):
    path = tmp_path / "nonces.json"
    Nonces(path).remember("old-nonce", 1000, now=900)
    Nonces(path).remember("new-nonce", 2000, now=1200)
    assert "old-nonce" in Nonces(path)
    Nonces(path).remember("last-nonce", 3000, now=1500)
    assert "old-nonce" not in Nonces(path)
    assert "new-nonce" in Nonces(path)


def finished(desk: Desk, name: str, attempt: int = 1) -> JobFolder:
    folder = desk.open(Ticket("me", name, attempt, "n" * 8), 5.0)
    folder.finish(Ending("done", 0), KEY, 6.0)
    desk.pending.append(folder)
    return folder


def test_result_is_kept_until_it_was_told(tmp_path: Path):
    desk = Desk(tmp_path)
    folder = finished(desk, "one")
    with pytest.raises(OSError, match="away"):
        desk.deliver(fail)
    assert [known.ticket for known in Desk(tmp_path).load()] == [folder.ticket]
    assert Desk(tmp_path).load()[0].result() == folder.result()
    desk.deliver(lambda _: None)
    assert (desk.pending, Desk(tmp_path).load()) == ([], [])


def fail(folder: JobFolder) -> None:
    raise OSError(f"away: {folder.ticket.job}")


def test_only_the_newest_told_jobs_are_kept(tmp_path: Path):
    desk = Desk(tmp_path)
    for number in range(KEEP + 5):
        finished(desk, f"job-{number}")
    desk.deliver(lambda _: None)
    assert len(list(tmp_path.iterdir())) == KEEP


def test_new_attempt_replaces_the_old_one(tmp_path: Path):
    desk = Desk(tmp_path)
    finished(desk, "one").output.write_text("old")
    second = desk.open(Ticket("me", "one", 2, "m" * 8), 7.0)
    assert not second.output.exists()
    assert desk.pending == []
    assert desk.holds(Ticket("me", "one", 1, "n" * 8))
    assert not desk.holds(Ticket("me", "one", 3, "n" * 8))


def test_long_reason_is_cut(tmp_path: Path):
    folder = Desk(tmp_path).open(Ticket("me", "one", 1, "n" * 8), 5.0)
    folder.finish(Ending("refused", None, "x" * 9000), KEY, 6.0)
    payload = json.loads(str((folder.result() or {})["payload"]))
    assert len(payload["reason"]) == 2000


def test_folder_of_garbage_is_left_out(tmp_path: Path):
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "job.json").write_text('{"job": "../x", "attempt": 1}')
    assert Desk(tmp_path).load() == []
