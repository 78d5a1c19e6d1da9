"""The folder keeps its promises on good days and bad ones."""

import socket
from pathlib import Path

import pytest

from stead.edge import state as states
from stead.edge.snapshot import Certificate
from stead.edge.state import State, StateError, can_listen


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "edge")
    made.prepare()
    return made


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="file"):
        State(tmp_path / "file" / "edge").prepare()


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside_it(state: State):
    path = state.root / "x"
    state.write(path, "long text")
    state.write(path, "short")
    assert path.read_text() == "short"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list((state.root / "staging").iterdir()) == []


def test_what_a_killed_edge_half_wrote_is_cleared(state: State):
    (state.root / "staging" / "1-edge.yml").write_text("half")
    state.prepare()
    assert list((state.root / "staging").iterdir()) == []


def test_the_way_to_the_api_is_kept_and_repaired(state: State):
    first = state.admin()
    assert state.admin() == first
    (state.root / "admin.json").write_text("{broken")
    assert state.admin().token != first.token
    assert state.admin() == state.admin()


def test_a_taken_api_port_is_left_to_its_owner(state: State):
    first = state.admin()
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.port))
        other.listen()
        assert state.admin() == first
        moved = state.admin(fresh_port=True)
    assert moved.port != first.port
    assert moved.token == first.token
    assert state.admin() == moved


def test_certificates_are_written_once_repaired_and_forgotten(state: State, wild: dict[str, str]):
    held = Certificate.model_validate(wild)
    pair = state.store_certificates([held])["wild"]
    pair.chain.write_text("")
    assert state.store_certificates([held]) == {"wild": pair}
    assert pair.chain.read_text() == wild["chain"]
    assert pair.key.stat().st_mode & 0o777 == 0o600
    state.forget_certificates([pair])
    assert pair.key.exists()
    state.forget_certificates([])
    assert list(state.certificates.iterdir()) == []


def test_only_a_log_that_grew_too_long_is_put_aside(state: State, monkeypatch: pytest.MonkeyPatch):
    log = state.root / "access.log"
    log.write_text("12345")
    assert not state.rotate([log, state.root / "absent.log"])
    monkeypatch.setattr(states, "_MAX_LOG", 4)
    assert state.rotate([log])
    assert (state.root / "access.log.1").read_text() == "12345"
    assert not log.exists()


def test_one_process_has_the_folder(state: State):
    state.lock()
    with pytest.raises(StateError, match="another edge"):
        state.lock()


def test_a_port_in_use_cannot_be_listened_on():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = ("127.0.0.1", other.getsockname()[1])
        assert not can_listen(address)
    assert can_listen(address)
