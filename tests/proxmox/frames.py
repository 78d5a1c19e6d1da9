"""WebSocket frames as the real server takes them: masked, whole, at most 128 KiB."""

import asyncio
import base64
import hashlib
import struct

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LARGEST = 131072
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
SHORT, LONG = 126, 127


class WedgedError(Exception):
    """A frame is larger than the server's buffer: it neither answers nor closes."""


class BrokenFrameError(Exception):
    """A frame that the server does not take: unmasked, fragmented or compressed."""


def accept(key: str) -> str:
    """Return what proves that the handshake was understood."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()  # noqa: S324 -- RFC 6455


async def read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the kind and payload of the next frame."""
    first, second = await reader.readexactly(2)
    if first & 0x70 or not first & 0x80 or not second & 0x80:
        raise BrokenFrameError
    length, head = second & 0x7F, 6
    if length == SHORT:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        head += 2
    elif length == LONG:
        (length,) = struct.unpack(">Q", await reader.readexactly(8))
        head += 8
    if length > LARGEST:
        raise WedgedError
    mask = await reader.readexactly(4)
    payload = bytearray(await reader.readexactly(length))
    for at in range(len(payload)):
        payload[at] ^= mask[at % 4]
    return first & 0x0F, bytes(payload)


def write(payload: bytes, kind: int = BINARY) -> bytes:
    """Return one frame from the server."""
    head = bytes([0x80 | kind])
    if len(payload) < SHORT:
        head += bytes([len(payload)])
    elif len(payload) < 2**16:
        head += bytes([SHORT]) + struct.pack(">H", len(payload))
    else:
        head += bytes([LONG]) + struct.pack(">Q", len(payload))
    return head + payload
