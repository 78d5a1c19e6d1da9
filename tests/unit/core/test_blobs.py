"""Content by digest."""

import hashlib
from pathlib import Path

from stead.core.blobs import Blobs


def test_content_comes_back_by_its_digest(tmp_path: Path):
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.put(b"content")
    assert digest == hashlib.sha256(b"content").hexdigest()
    assert blobs.put(b"content") == digest
    assert blobs.find(digest) == b"content"
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [digest]


def test_only_a_digest_finds_something(tmp_path: Path):
    blobs = Blobs(tmp_path / "blobs")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "blobs" / "draft").write_text("x")
    for wrong in ("", "draft", "../secret", "0" * 64, "a" * 65, "../" * 21 + "a", "\0" * 64):
        assert blobs.find(wrong) is None


def test_a_file_that_was_damaged_is_written_again(tmp_path: Path):
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"content")
    (tmp_path / digest).write_bytes(b"")
    assert blobs.put(b"content") == digest
    assert blobs.find(digest) == b"content"
