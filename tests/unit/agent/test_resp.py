"""The language of Redis, as both sides of the wire read and write it."""

import pytest
from hypothesis import given, strategies as st

from stead_agent import resp

WHOLE = b"+OK\r\n:5\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n:-1\r\n*-1\r\n-NOPERM no\r\n"
READ = ["OK", 5, b"a\r\n", None, [b"x", [-1]], None, "NOPERM no"]


def read(reader: resp.Reader) -> list[object]:
    found = []
    while (whole := reader.take()) is not None:
        found.append(whole[0])
    return found


@given(st.lists(st.integers(0, len(WHOLE)), max_size=20))
def test_answers_are_the_same_wherever_they_are_cut(places: list[int]):
    reader, found, start = resp.Reader(), [], 0
    for end in [*sorted(places), len(WHOLE)]:
        reader.feed(WHOLE[start:end])
        found += read(reader)
        start = end
    assert found == READ
    assert isinstance(found[-1], resp.Refusal)
    assert not isinstance(found[0], resp.Refusal)


@given(st.binary(max_size=200))
def test_any_bytes_are_answers_or_refused(data: bytes):
    reader = resp.Reader()
    reader.feed(data)
    try:
        read(reader)
    except resp.RespError:
        return


@pytest.mark.parametrize("data", [b"?5\r\n", b"$x\r\n", b"*1\r\n" * 20 + b":1\r\n", b":\r\n"])
def test_nonsense_is_refused(data: bytes):
    reader = resp.Reader()
    reader.feed(data)
    with pytest.raises(resp.RespError):
        read(reader)


def test_an_answer_without_end_is_refused():
    reader = resp.Reader()
    reader.feed(b"x" * resp.ANSWER_LIMIT)
    with pytest.raises(resp.RespError):
        reader.feed(b"x")


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_a_command_reads_as_a_list_of_its_words(words: list[bytes]):
    reader = resp.Reader()
    reader.feed(resp.encode(*words))
    assert read(reader) == [words]


def test_words_and_numbers_are_text():
    assert resp.encode("GET", 5) == b"*2\r\n$3\r\nGET\r\n$1\r\n5\r\n"
