"""The language of Redis (RESP 2), without input or output: both sides of the wire use it."""

from __future__ import annotations

ANSWER_LIMIT = 16 * 1024 * 1024
_DEPTH = 8
_LINE = b"\r\n"


class RespError(Exception):
    """What was read is not the language, or larger than anything we ask for."""


class Refusal(str):
    """An answer that says why a command was not done, such as NOPERM."""

    __slots__ = ()


class _ShortError(Exception):
    """There is more to come."""


def encode(*words: str | bytes | int) -> bytes:
    """Return a command."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Reader:
    """Takes what was read, and gives whole answers."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> None:
        """Take some bytes. Raises RespError when an answer would never end."""
        self._kept += data
        if len(self._kept) > ANSWER_LIMIT:
            raise RespError("the answer is larger than allowed")

    def take(self) -> tuple[object] | None:
        """Return the next answer, in a tuple since it may be None; None when it is not whole."""
        try:
            value, end = self._value(0, 0)
        except _ShortError:
            return None
        del self._kept[:end]
        return (value,)

    def _value(self, start: int, depth: int) -> tuple[object, int]:
        line, after = self._line(start)
        kind, text = line[:1], line[1:]
        if kind == b"+":
            return text.decode(errors="replace"), after
        if kind == b"-":
            return Refusal(text.decode(errors="replace")), after
        number = _number(text)
        if kind == b":":
            return number, after
        if kind == b"$":
            return self._bulk(number, after)
        if kind == b"*" and depth < _DEPTH:
            return self._array(number, after, depth)
        raise RespError("the answer is of no kind that there is")

    def _line(self, start: int) -> tuple[bytes, int]:
        end = self._kept.find(_LINE, start)
        if end < 0:
            raise _ShortError
        return bytes(self._kept[start:end]), end + 2

    def _bulk(self, size: int, start: int) -> tuple[bytes | None, int]:
        if size < 0:
            return None, start
        end = start + size
        if end + 2 > len(self._kept):
            raise _ShortError
        return bytes(self._kept[start:end]), end + 2

    def _array(self, count: int, start: int, depth: int) -> tuple[list[object] | None, int]:
        if count < 0:
            return None, start
        found: list[object] = []
        for _ in range(count):
            value, start = self._value(start, depth + 1)
            found.append(value)
        return found, start


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise RespError("the answer has no number where one has to be") from error
