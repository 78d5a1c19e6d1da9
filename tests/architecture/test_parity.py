"""Whatever the API can do, the command line and the console can do too.

Nothing here says what does what: each command is run against a server that answers with the
document's examples, and what it asked for is looked at; pages are compared by the functions of
the domain that they and the routes call. Only exceptions are written down, with their reason.
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import typer
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path
from typer.testing import CliRunner

from stead.core import authz
from stead.entrypoints import (
    api,
    client as client_module,
    commands,
    config,
    document,
    operation_commands,
    web,
)
from stead.entrypoints.config import Login
from stead.entrypoints.examples import ID

# Every command of the command line is run once.
pytestmark = pytest.mark.timeout(120)

Operation = tuple[str, str]
PREFIX = "/api/v1/"

# What the command line has no verb for.
WITHOUT_VERB: dict[Operation, str] = {
    ("GET", "/api/v1/catalog/schema"): "stead catalog checks packages by it without a server",
    (
        "GET",
        "/api/v1/bundle-catalog/schema",
    ): "stead catalog checks bundles by it without a server",
    ("GET", "/api/v1/catalog/broken"): "the server's log and stead catalog lint tell it",
    ("GET", "/api/v1/agents/{machine_id}"): "stead agents lists all that it tells",
    ("GET", "/api/v1/operations/{operation_id}/decision"): "stead restored lists all of them",
}
# What the console has no page or button for.
WITHOUT_PAGE: dict[Operation, str] = {
    ("GET", "/api/v1/catalog/schema"): "for programs that check packages",
    ("GET", "/api/v1/bundle-catalog/schema"): "for programs that check bundles",
    ("GET", "/api/v1/agents/{machine_id}"): "the page of a machine reads its parts one by one",
    ("GET", "/api/v1/agents/{machine_id}/packages"): "on machines alone: by stead, not by hand",
    ("POST", "/api/v1/agents/{machine_id}/packages"): "the console installs by deploying",
    ("GET", "/api/v1/commands"): "commands on machines are run with stead job",
    ("GET", "/api/v1/catalog/broken"): "for authors of packages, who have stead catalog lint",
    ("GET", "/api/v1/audit/export"): "what auditors verify comes from the command line",
    ("POST", "/api/v1/sign-in"): "makes a token; the console signs in to a session",
}

# Verbs that ask no server: what they change is this account's own file.
ASKS_NOBODY = {"context list", "context use", "context remove"}

# Words for arguments, where a made-up one would be refused before anything is asked.
WORDS = {
    "operation_id": ID,
    "choice": "undo",
    "turn": "on",
    "role": "viewer",
    "url": "http://stead.test",
    "link": "https://console.example.org/invitation/sti_x",
    "code": "123456",
    "limits": "cores=8",
    "source": "-",
    "commit": "0" * 40,
}
# Runs besides the plain one, where a command does different things.
MORE: dict[str, list[list[str]]] = {
    "login": [["http://stead.test", "--user", "ada"]],
    "show": [["cache", "--reveal"]],
    "job show": [["cache", "redis", "--reveal"]],
    "operation": [[ID, verb] for verb in operation_commands.VERBS],
    "change": [["cache", "--set", "title=x", "--to-version", "2"]],
    "restored": [["--look"]],
    "bundle catalog": [["cache"]],
    "bulk start": [["cache", "--app", "redis"], ["cache", "--kind", "facts"]],
    "source refresh": [["cache"]],
    "agent limits": [["cache", "--quick", "4"]],
    "source add": [["cache", "https://git.example.org/x.git"]],
    "config undo": [["cache", "0"], ["cache", "0", "--version", "1"]],
    "cluster hosting": [["cache", "--end"]],
    "cluster warm": [["cache", "--small", "1"]],
    "cluster connect": [
        ["cache", "--engine", "engine", "--option", "10.90.0.10=x", "--option", "name=x", "--yes"]
    ],
}
# What an example says that would keep a verb from going on.
INSTEAD = {'"kind": "instance"': '"kind": "server"'}
TYPED = "correct horse battery\n" * 4


def _app() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    for router in api.ROUTERS:
        app.include_router(router)
    document.describe(app)
    return app


def _endpoints() -> dict[Operation, Callable[..., object]]:
    """Return every operation for people, with the function that serves it."""
    found = {}
    for route in iter_route_contexts(_app().routes):
        for method in route.methods or ():
            path = route.path or ""
            if path.startswith(PREFIX) and authz.declared(route.endpoint):
                found[method, path] = route.endpoint
    return found


class _Server:
    """Answers everything with the document's examples, and remembers what it was asked."""

    def __init__(self) -> None:
        self.document = _app().openapi()
        self.asked: set[Operation] = set()
        # The longest first: /clusters/engines is no cluster.
        paths = sorted(self.document["paths"], key=lambda path: path.count("{"))
        self.paths = [(path, compile_path(path)[0]) for path in paths]

    def answer(self, request: httpx.Request) -> httpx.Response:
        found = [path for path, looks in self.paths if looks.match(request.url.path)]
        operations = {path: self.document["paths"][path] for path in found}
        method = request.method.lower()
        path = next((path for path, known in operations.items() if method in known), "")
        self.asked.add((request.method, path))
        if not path:
            return httpx.Response(404, json={"title": "nothing there"})
        status, answer = min(operations[path][method]["responses"].items())
        content = answer.get("content", {})
        if "application/json" in content:
            text = json.dumps(content["application/json"]["example"])
            for plain, wanted in INSTEAD.items():
                text = text.replace(plain, wanted)
            return httpx.Response(int(status), content=text)
        stream = "text/event-stream" in content
        return httpx.Response(int(status), text="event: end\ndata: {}\n\n" if stream else "")


def _leaves(
    command: Any,  # noqa: ANN401  (Click's, which Typer brings along)
    words: tuple[str, ...] = (),
) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from _leaves(below, (*words, name))
    else:
        yield " ".join(words), command


def _arguments(command: Any) -> list[str]:  # noqa: ANN401  (Click's, which Typer brings along)
    words = []
    for one in command.params:
        if one.param_type_name == "argument" and (one.required or one.name in WORDS):
            words.append(WORDS.get(str(one.name), "cache"))
        elif one.required:
            words += [one.opts[0], WORDS.get(str(one.name), "cache")]
        elif "--yes" in one.opts:
            words.append("--yes")
    return words


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Operation]]:
    """Return what every command of the client asks the server for."""
    server, found = _Server(), {}
    folder = tmp_path_factory.mktemp("parity")

    def opened(_login: Login) -> httpx.Client:
        transport = httpx.MockTransport(server.answer)
        return httpx.Client(transport=transport, base_url="http://stead.test")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client_module, "_open", opened)
        patched.setattr(config, "path", lambda: Path(folder / "config.toml"))
        for name, command in _leaves(typer.main.get_command(commands.app)):
            server.asked = set()
            config.save("cache", Login("http://stead.test", "stt_x", ""))
            for words in [_arguments(command), *MORE.get(name, [])]:
                CliRunner().invoke(commands.app, [*name.split(), *words], input=TYPED)
            found[name] = server.asked
    return found


def _without_verb(
    endpoints: dict[Operation, Callable[..., object]], asked: dict[str, set[Operation]]
) -> list[Operation]:
    everything = set().union(*asked.values())
    return sorted(endpoints.keys() - everything - WITHOUT_VERB.keys())


def test_every_operation_has_a_verb(asked: dict[str, set[Operation]]):
    missing = _without_verb(_endpoints(), asked)
    assert missing == [], (
        f"no verb asks for {missing}: add one to entrypoints/commands.py or a file beside it, or"
        " say in WITHOUT_VERB why there is none; arguments that are refused get a word in WORDS"
    )


def test_every_verb_asks_for_what_there_is(asked: dict[str, set[Operation]]):
    silent = {name for name, operations in asked.items() if not operations}
    lost = {name: ops for name, ops in asked.items() if any(not path for _, path in ops)}
    assert silent == ASKS_NOBODY
    assert not lost, "no route is at these: is the router in ROUTERS of entrypoints/api.py?"


def _calls(endpoint: Callable[..., object], seen: frozenset[str] = frozenset()) -> set[object]:
    """Return the functions of the domains that an endpoint calls, by itself or by its helpers."""
    endpoint = inspect.unwrap(endpoint)
    tree = ast.parse(textwrap.dedent(inspect.getsource(endpoint)))
    names = vars(inspect.getmodule(endpoint))
    found: set[object] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = names.get(node.value.id)
            target = getattr(holder, node.attr, None) if isinstance(holder, ModuleType) else None
        elif isinstance(node, ast.Name):
            target = names.get(node.id)
        else:
            continue
        if not inspect.isfunction(target) or target is endpoint:
            continue
        if target.__module__ == endpoint.__module__ and target.__name__ not in seen:
            found |= _calls(target, seen | {endpoint.__name__, target.__name__})
        elif re.match(r"stead\.(?!core|ui|kit|entrypoints)", target.__module__):
            found.add(target)
    return found


def _telling(calls: set[object], *, reads: bool) -> set[object]:
    """Return those that say what is done, rather than where it is found."""
    looks = re.compile(r"(find|get|list|project_id|target|describe|names?)(_|$)")
    return {one for one in calls if reads or not looks.match(getattr(one, "__name__", ""))}


def _without_page(endpoints: dict[Operation, Callable[..., object]]) -> set[Operation]:
    pages: dict[bool, set[object]] = {True: set(), False: set()}
    for module in web.PAGES.values():
        for route in iter_route_contexts(module.router.routes):
            pages["GET" in (route.methods or ())] |= _calls(route.endpoint)
    missing = set()
    for (method, path), endpoint in endpoints.items():
        reads = method == "GET"
        calls = _telling(_calls(endpoint), reads=reads)
        if not calls & (pages[True] | pages[False] if reads else pages[False]):
            missing.add((method, path))
    return missing - WITHOUT_PAGE.keys()


def test_every_operation_has_a_page():
    missing = _without_page(_endpoints())
    assert missing == set(), (
        f"no page does {sorted(missing)}: let one call the function of the service that the route"
        " calls, or say in WITHOUT_PAGE why there is none"
    )


def test_exceptions_are_of_what_there_is_and_say_why():
    known = _endpoints().keys()
    for excepted in (WITHOUT_VERB, WITHOUT_PAGE):
        assert excepted.keys() <= known
        assert all(len(reason) > 10 for reason in excepted.values())


def test_an_operation_without_page_or_verb_would_be_noticed(asked: dict[str, set[Operation]]):
    def alone() -> None:
        """Call nothing that any page calls."""

    new = ("PATCH", "/api/v1/nothing")
    endpoints = {**_endpoints(), new: alone}
    assert _without_verb(endpoints, asked) == [new]
    assert _without_page(endpoints) == {new}
    assert ("POST", "/api/v1/tokens") in asked["token create"]


def test_a_verb_that_is_taken_away_would_be_missed(asked: dict[str, set[Operation]]):
    left = {name: operations for name, operations in asked.items() if name != "token create"}
    assert _without_verb(_endpoints(), left) == [("POST", "/api/v1/tokens")]
