"""Speaks to the HTTP API for the command line; failures become exit codes."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from typing_extensions import override

from stead import __version__
from stead.entrypoints.config import Login
from stead.kit import ids

# 502 and 504 are the edge's while the server behind it restarts.
EXIT_CODES: Final = {400: 7, 401: 3, 403: 4, 404: 5, 409: 6, 412: 6, 413: 7, 422: 7, 429: 8} | {
    502: 8,
    503: 8,
    504: 8,
}
FAILED: Final = 1
UNREACHABLE: Final = 8
_REFUSED: Final = 400
# As many as a page may have.
PAGE: Final = 200
# What the client waits before it asks again for an answer that it did not get.
PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
LOST: Final = "client.lost"
STILL_RUNNING: Final = "request.still_running"


class CommandError(Exception):
    """What the command line tells before it exits with ``code``.

    ``reason`` is the server's own name for what went wrong.
    """

    def __init__(self, message: str, code: int = FAILED, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class _Loopback(httpx.HTTPTransport):
    """Reaches ``*.localhost`` without a resolver, as RFC 6761 asks of applications."""

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host.endswith(".localhost"):
            request.url = request.url.copy_with(host="127.0.0.1")
            request.extensions = {**request.extensions, "sni_hostname": host}
        return super().handle_request(request)


class Client:
    """The API of one server, as one person."""

    def __init__(self, login: Login) -> None:
        try:
            self._http = _open(login)
        except ssl.SSLError as error:
            raise CommandError("The CA certificate cannot be read") from error
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise CommandError(f"This address or token cannot be right: {error}") from error

    def get(self, path: str) -> Any:  # noqa: ANN401  (JSON of whatever was asked for)
        """Read; raises CommandError with the server's own words."""
        return self._send("GET", path)

    def rows(self, path: str, limit: int = 0) -> list[dict[str, Any]]:
        """Read a list, page by page: all of it, or as much as ``limit`` says."""
        found: list[dict[str, Any]] = []
        following = httpx.URL(path).copy_merge_params({"limit": min(limit or PAGE, PAGE)})
        while True:
            answer = self._answer("GET", str(following))
            page = answer.json()
            found += page if isinstance(page, list) else page["items"]
            if "next" not in answer.links or (limit and len(found) >= limit):
                return found[: limit or None]
            following = httpx.URL(answer.links["next"]["url"])

    def post(self, path: str, body: object = None) -> Any:  # noqa: ANN401  (JSON)
        """Ask for a change, which is made once even if the answer to it got lost on its way."""
        headers = {"Idempotency-Key": ids.new_token("cli")}
        lost = False
        for pause in (*PAUSES, None):
            try:
                return _whole(self._send("POST", path, json=body, headers=headers))
            except CommandError as error:
                lost = lost or error.reason == LOST
                passes = error.reason == STILL_RUNNING or (lost and error.code == UNREACHABLE)
                if pause is None or not passes:
                    raise
            # Nothing else happens in this process, so waiting here blocks nobody.
            threading.Event().wait(pause)
        raise AssertionError("the last attempt returns or raises")

    def text(self, path: str) -> str:
        """Read something that is not JSON."""
        with _told():
            answer = self._http.get(path)
        if answer.status_code >= _REFUSED:
            raise _refusal(answer)
        return answer.text

    def put(self, path: str, body: object) -> Any:  # noqa: ANN401  (JSON)
        """Put something in the place of what is there."""
        return self._send("PUT", path, json=body)

    def patch(self, path: str, body: object) -> Any:  # noqa: ANN401  (JSON)
        """Change a part of something."""
        return self._send("PATCH", path, json=body)

    def delete(self, path: str) -> Any:  # noqa: ANN401  (JSON of whatever was asked for)
        """Ask for something to go away."""
        return self._send("DELETE", path)

    @contextmanager
    def events(self, path: str, after: int) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """Open a stream of server-sent events as (kind, data) pairs."""
        timeout = httpx.Timeout(30, read=60)
        headers = {"Last-Event-ID": str(after)}
        with _told(), self._http.stream("GET", path, timeout=timeout, headers=headers) as answer:
            if answer.status_code >= _REFUSED:
                answer.read()
                raise _refusal(answer)
            yield _parse(answer.iter_lines())

    def lines(self, path: str) -> Iterator[str]:
        """Yield the lines of an answer as they come."""
        timeout = httpx.Timeout(30, read=60)
        with _told(), self._http.stream("GET", path, timeout=timeout) as answer:
            if answer.status_code >= _REFUSED:
                answer.read()
                raise _refusal(answer)
            yield from answer.iter_lines()

    def _send(self, method: str, path: str, **content: Any) -> Any:  # noqa: ANN401  (JSON)
        answer = self._answer(method, path, **content)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, **content: Any) -> httpx.Response:  # noqa: ANN401  (httpx's)
        with _told():
            answer = self._http.request(method, path, **content)
        if answer.status_code >= _REFUSED:
            raise _refusal(answer)
        return answer


def _open(login: Login) -> httpx.Client:
    context = ssl.create_default_context()
    if login.ca:
        context.load_verify_locations(cadata=login.ca)
    return httpx.Client(
        base_url=login.url,
        transport=_Loopback(verify=context),
        headers={
            "Authorization": f"Bearer {login.token}",
            "User-Agent": f"stead-cli/{__version__}",
        },
        timeout=httpx.Timeout(30, connect=10),
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except httpx.ConnectError as error:
        raise CommandError(
            f"The server does not answer: {error}\nIs it running, and is its address right?",
            UNREACHABLE,
        ) from error
    except httpx.TransportError as error:
        raise CommandError(f"The connection broke: {error}", UNREACHABLE, LOST) from error


def _whole(answer: Any) -> Any:  # noqa: ANN401  (JSON of whatever was asked for)
    """Return an answer, unless it is one that is told again without its secret."""
    for part in answer if isinstance(answer, list) else [answer]:
        if isinstance(part, dict) and part.get("shown_already"):
            raise CommandError(
                "This was done, but the answer got lost, and its secret is shown only once;"
                " take back what was made and do it again"
            )
    return answer


def _refusal(answer: httpx.Response) -> CommandError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    lines = [str(problem.get("title") or f"The server answered {answer.status_code}")]
    lines += [f"  {name}: {text}" for name, text in (problem.get("fields") or {}).items()]
    if problem.get("hint"):
        lines.append(str(problem["hint"]))
    reason = str(problem.get("code") or "")
    if answer.status_code == 401 and not reason.startswith(("auth.wrong", "auth.second")):  # noqa: PLR2004  (a status code)
        lines.append("Sign in with: stead login URL")
    return CommandError("\n".join(lines), EXIT_CODES.get(answer.status_code, FAILED), reason)


def _parse(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    kind, data = "message", ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = value
        elif not line and data:
            yield kind, json.loads(data)
            kind, data = "message", ""
