"""The parameters of a request: query, form, JSON or upload, with the complaints about each."""

import json
import secrets
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.proxmox.call import RefusedError
from tests.proxmox.wire import DroppedError, Request

FORM = "application/x-www-form-urlencoded"
UPLOAD_ORDER = ("content", "checksum-algorithm", "checksum", "filename")


class Uploaded(str):
    """The name of the file that an upload was put into, with what is in it."""

    __slots__ = ("content",)

    def __new__(cls, content: bytes) -> Self:
        made = super().__new__(cls, f"/var/tmp/pveupload-{secrets.token_hex(16)}")  # noqa: S108 -- its name
        made.content = content
        return made


def multipart(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


def parameters(request: Request) -> dict[str, Any]:
    """Return everything given, a repeated name as a list."""
    found = collect(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
    if request.method in {"POST", "PUT"}:
        found |= body(request)
    return found


def body(request: Request) -> dict[str, Any]:
    """Return what the body says, by its type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if urlsplit(request.target).path.endswith("/upload"):
        if not multipart(request):
            raise DroppedError
        return upload(request)
    if not request.body:
        return {}
    if kind == "application/json":
        return from_json(request.body)
    if kind not in {"", FORM}:
        raise RefusedError(506, f"upload 'Content-Type '{kind}' not implemented", echo=True)
    return collect(parse_qsl(request.body.decode(), keep_blank_values=True))


def collect(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            earlier = found[name]
            found[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            found[name] = value
    return found


def from_json(content: bytes) -> dict[str, Any]:
    """Return the object in a JSON body; a broken one dies in words of the parser."""
    try:
        found = json.loads(content)
    except ValueError as broken:
        at = len(content)
        wanted = "neither tag, array, object, number, string or atom"
        where = f'at character offset {at} (before "(end of string)")'
        file = "/usr/share/perl5/PVE/APIServer/AnyEvent.pm line 917."
        text = f"malformed JSON string, {wanted}, {where} at {file}"
        raise RefusedError(500, text, echo=True) from broken
    return found if isinstance(found, dict) else {}


def upload(request: Request) -> dict[str, Any]:
    """Return the fields of an upload, which must come in one order with the file last."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"')
    found: dict[str, Any] = {}
    for part in request.body.split(b"--" + boundary.encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        disposition = head.decode("utf-8", "replace")
        name = disposition.partition('name="')[2].partition('"')[0]
        if found and UPLOAD_ORDER.index(name) < UPLOAD_ORDER.index(list(found)[-1]):
            raise RefusedError(400, "Bad Request", bare=True)
        if 'filename="' in disposition:
            found["filename"] = disposition.partition('filename="')[2].partition('"')[0]
            found["tmpfilename"] = Uploaded(content.removesuffix(b"\r\n"))
        else:
            found[name] = content.removesuffix(b"\r\n").decode()
    return found
