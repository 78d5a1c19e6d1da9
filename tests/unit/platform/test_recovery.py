"""The recovery key as a person keeps it."""

from pathlib import Path

import pytest

from stead.platform import recovery
from stead.platform.errors import CopyDamagedError, RecoveryKeyError


def test_a_key_survives_being_written_down():
    key = recovery.new_key()
    text = key.text.reveal()
    for written in (text, text.upper(), text.replace("-", " "), f"  {text}\n"):
        assert recovery.parse(written) == key
    assert text not in repr(key)


@pytest.mark.parametrize("text", ["", "stead", "a" * 58, "stead-é", "0189" * 20])
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(RecoveryKeyError):
        recovery.parse(text)


def test_every_mistyped_letter_is_noticed():
    text = recovery.new_key().text.reveal()
    for at in range(len("stead-"), len(text)):
        if text[at] == "-":
            continue
        wrong = "b" if text[at] != "b" else "c"
        with pytest.raises(RecoveryKeyError):
            recovery.parse(text[:at] + wrong + text[at + 1 :])


def test_only_the_recovery_key_opens_what_the_server_seals(tmp_path: Path):
    key, other = recovery.new_key(), recovery.new_key()
    recovery.save(tmp_path, key.keeper)
    keeper = recovery.load(tmp_path)
    assert keeper == key.keeper
    assert keeper is not None
    sealed = keeper.seal(b"secret")
    assert key.open(sealed) == b"secret"
    assert keeper.seal(b"secret") != sealed
    for broken in (b"", sealed[:-1], bytes(32) + sealed[32:], sealed[:40] + b"x" + sealed[41:]):
        with pytest.raises(CopyDamagedError):
            key.open(broken)
    with pytest.raises(CopyDamagedError):
        other.open(sealed)
    assert (tmp_path / recovery.FILE).stat().st_mode & 0o777 == 0o600


def test_a_server_half_that_was_damaged_says_what_to_do(tmp_path: Path):
    assert recovery.load(tmp_path) is None
    (tmp_path / recovery.FILE).write_text("{}")
    with pytest.raises(RecoveryKeyError) as raised:
        recovery.load(tmp_path)
    assert "--new-key" in raised.value.hint
