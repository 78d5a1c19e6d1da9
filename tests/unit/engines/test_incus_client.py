"""The client and driver against a server that behaves as Incus does, with Incus's own words."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from stead.engines import errors
from stead.engines.capabilities import Ability
from stead.engines.drivers.incus.client import IncusClient
from stead.engines.drivers.incus.driver import IncusDriver
from stead.engines.drivers.incus.errors import translate
from stead.engines.values import EngineTask, GuestFile

WORDS = [
    (500, "Reached maximum aggregate value 200MiB for limits.memory", errors.QuotaError),
    (500, "Reached maximum number of instances of type container", errors.QuotaError),
    (500, "write /x: disk quota exceeded", errors.QuotaError),
    (500, "mkdir /x: no space left on device", errors.QuotaError),
    (500, "Privileged containers are forbidden", errors.ForbiddenError),
    (403, "Certificate is restricted", errors.ForbiddenError),
    (403, "not authorized", errors.ForbiddenError),
    (409, 'Instance "x" already exists', errors.ExistsError),
    (400, "The network already exists", errors.ExistsError),
    (400, "Failed creating instance record: it already exists", errors.LockedError),
    (
        400,
        "Failed creating instance record: UNIQUE constraint failed: instances.project_id",
        errors.LockedError,
    ),
    (500, "Address already in use", errors.ConflictError),
    (400, "IP address already defined on another NIC", errors.ConflictError),
    (400, 'Instance is busy running a "stop" operation', errors.LockedError),
    (404, "Instance not found", errors.NotFoundError),
    (400, "Image not found", errors.NotFoundError),
    (401, "", errors.AuthRejectedError),
    (412, "ETag does not match", errors.ConflictError),
    (503, "Daemon is starting", errors.UnreachableError),
    (400, "Invalid option", errors.InvalidError),
    (500, "Failed to run: forkstart", errors.TaskFailedError),
    (500, "Server isn't ready yet", errors.UnreachableError),
    (
        500,
        'Post "https://10.0.0.2/1.0": Unable to connect to: 10.0.0.2 ([dial tcp: i/o timeout])',
        errors.UnreachableError,
    ),
    (500, "Missing event connection with target cluster member", errors.UnreachableError),
    (500, "RAFT cluster is unavailable", errors.UnreachableError),
    (500, "peer node 10.0.0.2:8443 is down", errors.UnreachableError),
    (500, 'Post "https://10.0.0.2:8443/1.0/instances": EOF', errors.OutcomeUnknownError),
    (403, "Cluster member is evacuated", errors.LockedError),
    (
        500,
        "Failed to evacuate instances: Couldn't find a cluster member for the instance",
        errors.ConflictError,
    ),
]


@pytest.mark.parametrize(("status", "words", "kind"), WORDS)
def test_words_of_incus_become_our_errors(status: int, words: str, kind: type[errors.EngineError]):
    found = translate(status, words, "do it")
    assert type(found) is kind
    assert (found.native, found.message) == (words, f"Incus could not do it: {words}")


def test_only_what_may_pass_is_tried_again():
    retried = {kind for _, _, kind in WORDS if kind.retryable}
    assert retried == {errors.LockedError, errors.UnreachableError, errors.OutcomeUnknownError}


class Double:
    """Answers like Incus: envelopes, asynchronous work, tasks that are forgotten."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.instances: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.raw: dict[str, tuple[int, bytes]] = {}
        self.folders = {"/"}
        self.trusted = True
        self.torn: set[str] = set()
        self.members: list[dict[str, Any]] = []
        self.config: dict[str, str] = {}
        self.queries: list[tuple[str, str, dict[str, list[str]]]] = []
        self.bodies: list[tuple[str, bytes]] = []

    def answer(self, method: str, url: str, headers: Any) -> tuple[int, bytes]:  # noqa: ANN401  (http.client's own type)
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        path = parts.path.removeprefix("/1.0")
        assert query["project"] == ["ours"], "every request names the project"
        self.asked.append((method, path))
        self.queries.append((method, path, query))
        if path in self.raw:
            return self.raw[path]
        answer = self._server(path)
        match path.strip("/").split("/"):
            case ["operations"]:
                answer = _sync({"running": list(self.tasks.values())} if self.tasks else {})
            case ["projects", "ours"] if self.trusted:
                answer = _sync({"name": "ours", "config": self.config})
            case ["operations", task, "wait"]:
                answer = self._wait(task)
            case ["instances", name]:
                answer = self._instance(method, name)
            case ["instances", _name, "files"]:
                answer = self._file(query["path"][0], headers)
        return answer

    def _server(self, path: str) -> tuple[int, bytes]:
        """Answer what is about the server or its cluster."""
        match path.strip("/").split("/"):
            case ["storage-pools", "pool", "volumes", "container", name] if name not in self.torn:
                return _sync({})
            case [""]:
                facts = {"server_clustered": bool(self.members), "server_version": "6.0.4"}
                return _sync({"auth": "trusted", "auth_user_name": "me", "environment": facts})
            case ["certificates"]:
                return _sync([{"fingerprint": "me", "restricted": bool(self.config)}])
            case ["cluster", "members"]:
                return _sync(self.members)
        return _error(404, "Not Found")

    def _wait(self, task: str) -> tuple[int, bytes]:
        found = self.tasks.pop(task, None)  # a task that was told is reaped
        return _sync(found) if found is not None else _error(404, "Operation not found")

    def _instance(self, method: str, name: str) -> tuple[int, bytes]:
        if name not in self.instances:
            return _error(404, "Instance not found")
        if method == "DELETE":
            return 202, _dump({"type": "async", "operation": "/1.0/operations/t1?project=ours"})
        return _sync(self.instances[name])

    def _file(self, path: str, headers: Any) -> tuple[int, bytes]:  # noqa: ANN401  (http.client's own type)
        if path.rpartition("/")[0] not in {*self.folders, ""}:
            return _error(404, "Not Found")
        if headers["X-Incus-type"] == "directory":
            self.folders.add(path)
        return _sync({})


def _dump(body: object) -> bytes:
    return json.dumps(body).encode()


def _sync(metadata: object) -> tuple[int, bytes]:
    return 200, _dump({"type": "sync", "status_code": 200, "metadata": metadata})


def _error(code: int, words: str) -> tuple[int, bytes]:
    return code, _dump({"type": "error", "error": words, "error_code": code})


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def url(double: Double) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            double.bodies.append((urlsplit(self.path).path.removeprefix("/1.0"), said))
            status, body = double.answer(self.command, self.path, self.headers)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  (the server's names)

        def log_message(self, *_words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def driver(url: str) -> AsyncIterator[IncusDriver]:
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as http:
        yield IncusDriver(IncusClient(http, "ours"), "pool")


def task(code: int, err: str = "", name: str = "a") -> dict[str, Any]:
    return {
        "id": "t1",
        "status": "Running" if code < 200 else "Done",
        "status_code": code,
        "err": err,
        "resources": {"instances": [f"/1.0/instances/{name}?project=ours"]},
    }


async def test_a_task_that_succeeded_or_is_forgotten_has_ended(
    driver: IncusDriver, double: Double
):
    double.tasks["t1"] = task(200)
    await driver.settle(EngineTask("t1"), 5)
    await driver.settle(EngineTask("reaped"), 5)
    await driver.settle(EngineTask("", done=True), 0)
    assert double.asked == [("GET", "/operations/t1/wait"), ("GET", "/operations/reaped/wait")]


@pytest.mark.parametrize(
    ("code", "err", "kind"),
    [
        (400, "Failed to run: forkstart", errors.TaskFailedError),
        (401, "Operation was cancelled", errors.TaskFailedError),
        (400, "no space left on device", errors.QuotaError),
        (400, "Image not found", errors.NotFoundError),
    ],
)
async def test_a_task_that_failed_says_why(
    driver: IncusDriver, double: Double, code: int, err: str, kind: type[errors.EngineError]
):
    double.tasks["t1"] = task(code, err)
    with pytest.raises(errors.EngineError, match=err) as caught:
        await driver.settle(EngineTask("t1"), 5)
    assert type(caught.value) is kind
    double.raw["/operations/t1/wait"] = (200, _error(code, err)[1])
    with pytest.raises(errors.EngineError, match=err) as caught:
        await driver.settle(EngineTask("t1"), 5)
    assert type(caught.value) is kind, "also as an error inside an answer of 200"


async def test_a_task_that_does_not_end_is_of_unknown_outcome(driver: IncusDriver, double: Double):
    double.raw["/operations/t1/wait"] = _sync(task(103))
    with pytest.raises(errors.OutcomeUnknownError):
        await driver.settle(EngineTask("t1"), 0.1)


async def test_absent_is_none_to_find_and_done_to_delete(driver: IncusDriver):
    assert await driver.find("a") is None
    assert (await driver.delete("a")).done
    assert (await driver.stop("a", force=True)).done
    with pytest.raises(errors.NotFoundError):
        await driver.start("a")


async def test_what_is_running_or_stopped_already_is_done(driver: IncusDriver, double: Double):
    double.instances["a"] = {"name": "a", "status": "Running"}
    assert (await driver.start("a")).done
    double.instances["a"]["status"] = "Stopped"
    assert (await driver.stop("a", force=True)).done
    assert (await driver.delete("a")).native_id == "t1"


async def test_a_failing_task_of_before_does_not_stop_a_deletion(
    driver: IncusDriver, double: Double
):
    double.instances["a"] = {"name": "a", "status": "Stopped"}
    double.tasks["t1"] = task(400, "Failed creating instance record: it already exists")
    assert (await driver.delete("a")).native_id == "t1"


async def test_a_file_gets_its_missing_folders(driver: IncusDriver, double: Double):
    await driver.push_file("a", GuestFile("/var/lib/x/bootstrap.json", b"{}"))
    assert double.folders == {"/", "/var", "/var/lib", "/var/lib/x"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((200, b"<html>"), errors.OutcomeUnknownError),
        ((502, b"<html>"), errors.TaskFailedError),
        ((0, b""), errors.OutcomeUnknownError),
        (_error(403, "not authorized"), errors.ForbiddenError),
    ],
)
async def test_strange_answers_are_errors_of_the_port(
    driver: IncusDriver, double: Double, answer: tuple[int, bytes], kind: type[errors.EngineError]
):
    double.raw["/instances/a"] = answer
    with pytest.raises(kind):
        await driver.find("a")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b'{"metadata": []}'])
async def test_answers_of_another_shape_do_not_crash(
    driver: IncusDriver, double: Double, body: bytes
):
    for path in ("/instances", "/operations", "/storage-pools/pool"):
        double.raw[path] = (200, body)
    assert await driver.inventory() == ()
    assert (await driver.delete("a")).done
    assert not (await driver.capabilities()).of(Ability.VMS).usable


async def test_nobody_there_is_unreachable():
    async with httpx.AsyncClient(base_url="http://127.0.0.1:9", trust_env=False) as http:
        driver = IncusDriver(IncusClient(http, "ours"), "pool")
        with pytest.raises(errors.UnreachableError) as caught:
            await driver.find("a")
    assert caught.value.hint


async def test_no_guests_are_believed_only_while_the_project_can_be_seen(
    driver: IncusDriver, double: Double
):
    double.raw["/instances"] = 200, json.dumps({"type": "sync", "metadata": []}).encode()
    assert await driver.inventory() == ()
    double.trusted = False
    with pytest.raises(errors.BlindError, match="not the project ours either"):
        await driver.inventory()
