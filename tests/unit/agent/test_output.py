"""Output on disk: lines, cuts, the total, and reading from any line on."""

import json
from pathlib import Path

import pytest

from stead_agent import output
from stead_agent.output import Assembler, Reader, Spool
from stead_agent.redaction import MASK, Redactor


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "output.jsonl", lambda: 7.0)


def texts(tmp_path: Path) -> list[str]:
    lines = (tmp_path / "output.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def feed(spool: Spool, *chunks: bytes, secrets: tuple[str, ...] = ()) -> None:
    assembler = Assembler(spool, "stdout", Redactor(secrets))
    for chunk in chunks:
        assembler.feed(chunk)
    assembler.end()
    spool.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_chunks_of_any_size_give_the_same_lines(spool: Spool, tmp_path: Path, size: int):
    raw = "one\r\ntwo\n\n50%\r100%\rdön secret-é\nrest".encode()
    feed(spool, *[raw[at : at + size] for at in range(0, len(raw), size)], secrets=("secret-é",))
    mask = MASK.decode()
    assert texts(tmp_path) == ["one", "two", "", "50%", "100%", f"dön {mask}", "rest"]


def test_lines_are_numbered_across_streams(spool: Spool, tmp_path: Path):
    spool.append("stdout", "a")
    spool.append("stderr", "b")
    lines = Reader(tmp_path / "output.jsonl").lines(1, count=9, size=999)
    assert lines == [
        {"seq": 1, "stream": "stdout", "at": 7.0, "text": "a"},
        {"seq": 2, "stream": "stderr", "at": 7.0, "text": "b"},
    ]
    spool.close()


def test_long_line_is_cut_and_says_so(spool: Spool, tmp_path: Path):
    feed(spool, *[b"x" * 65536] * 20, b"\nnext\n", b"y" * output.LINE_LIMIT + b"\n")
    cut, following, fits = texts(tmp_path)
    assert cut == "x" * output.LINE_LIMIT + output.CUT
    assert following == "next"
    assert fits == "y" * output.LINE_LIMIT


def test_secret_at_the_cut_does_not_show_its_beginning(spool: Spool, tmp_path: Path):
    raw = b"x" * (output.LINE_LIMIT - 3) + b"hunter22" * 2 + b"z" * 100 + b"\n"
    feed(spool, raw, secrets=("hunter22",))
    (text,) = texts(tmp_path)
    assert "hun" not in text
    assert text.endswith(output.CUT)


def test_masks_do_not_make_a_line_longer_than_its_limit(spool: Spool, tmp_path: Path):
    feed(spool, b"ab " * 2700 + b"\n", secrets=("ab",))
    (text,) = texts(tmp_path)
    assert len(text.encode()) <= output.LINE_LIMIT + len(output.CUT.encode()) + 3


def test_total_is_bounded_and_the_end_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(output, "TOTAL_LIMIT", 64_000)
    spool = Spool(tmp_path / "output.jsonl", lambda: 7.0)
    feed(spool, *[b"\n" * 1_000] * 20)
    found = texts(tmp_path)
    assert found.count(output.DROPPED) == 1
    assert found[-1] == output.DROPPED
    assert len(found) == output.TOTAL_LIMIT // output.LINE_OVERHEAD + 1


def test_bytes_that_are_no_text_are_kept_readable(spool: Spool, tmp_path: Path):
    feed(spool, b"a\xff\xfe\0b\n")
    assert texts(tmp_path) == ["a���b"]


def test_full_disk_does_not_raise(spool: Spool):
    spool.close()
    spool.append("stdout", "lost")
    spool.append("stdout", "lost too")


def test_reader_goes_back_and_forward(spool: Spool, tmp_path: Path):
    for number in range(1, 11):
        spool.append("stdout", str(number))
    reader = Reader(tmp_path / "output.jsonl")
    assert [line["seq"] for line in reader.lines(1, count=3, size=9999)] == [1, 2, 3]
    assert [line["seq"] for line in reader.lines(9, count=3, size=9999)] == [9, 10]
    assert [line["seq"] for line in reader.lines(2, count=2, size=9999)] == [2, 3]
    assert reader.lines(11, count=3, size=9999) == []
    spool.close()


def test_reader_takes_one_line_even_if_it_is_too_large(spool: Spool, tmp_path: Path):
    spool.append("stdout", "x" * 5000)
    spool.append("stdout", "y")
    reader = Reader(tmp_path / "output.jsonl")
    assert [line["seq"] for line in reader.lines(1, count=9, size=100)] == [1]
    assert [line["seq"] for line in reader.lines(2, count=9, size=100)] == [2]
    spool.close()


def test_reader_stops_before_a_half_written_or_broken_line(tmp_path: Path):
    path = tmp_path / "output.jsonl"
    path.write_bytes(b'{"seq": 1}\n\0\0\0\n{"seq": 3}\n')
    assert Reader(path).lines(1, count=9, size=999) == [{"seq": 1}]
    path.write_bytes(b'{"seq": 1}\n{"seq": 2')
    assert Reader(path).lines(1, count=9, size=999) == [{"seq": 1}]
    assert Reader(tmp_path / "none").lines(1, count=9, size=999) == []
