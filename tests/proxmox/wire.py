"""Requests and answers as bytes: status line, headers and the three ways to write a body."""

import dataclasses
import json

from tests.proxmox.call import RefusedError, Reply

JSON = "application/json;charset=UTF-8"


class DroppedError(Exception):
    """The connection ends without an answer."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One request; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""


@dataclasses.dataclass
class Response:
    """One answer."""

    status: int
    reason: str
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def close(self) -> bool:
        return self.status != 200


def bare(status: int, reason: str, body: bytes = b"") -> Response:
    """Return an answer of the proxy itself: the reason phrase says all."""
    return Response(status, reason, body)


def success(reply: object, formatter: str) -> Response:
    """Return an answer with data."""
    if isinstance(reply, Reply) and reply.raw is not None:
        return Response(200, "OK", reply.raw, {"Content-Type": "text/plain"})
    whole = reply if isinstance(reply, Reply) else Reply(reply)
    content: dict[str, object] = {"data": whole.data, **whole.beside}
    if formatter == "extjs":
        content["success"] = 1
    return Response(200, "OK", json.dumps(content).encode(), {"Content-Type": JSON})


def refusal(refused: RefusedError, formatter: str) -> Response:
    """Return an answer that refuses, in the reason phrase and the body."""
    reason = one_line(refused.reason)
    if refused.bare:
        return bare(refused.status, reason, refused.body)
    message = reason if refused.status == 501 else f"{reason}\n"
    content: dict[str, object] = {"data": None, "message": message}
    if refused.errors:
        content["errors"] = dict(refused.errors)
    if formatter == "extjs":
        status: object = str(refused.status) if refused.errors else refused.status
        content |= {"success": 0, "status": status}
        return Response(200, "OK", json.dumps(content).encode(), {"Content-Type": JSON})
    return Response(refused.status, reason, json.dumps(content).encode(), {"Content-Type": JSON})


def one_line(text: str) -> str:
    return " ".join(text.split("\n")).strip()
