"""Marked secrets go through everything that takes one; afterwards nothing else holds them."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.canary import Hunt, Mark, Watch
from tests.support.stead import Stead
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)
# With characters that every encoding writes differently.
SECRET = 'kanarie-7f3"\\+/é&9c-{}'
SHOWN_ONCE = re.compile(r"\bst[lst]_[\w-]{20,}")


@dataclass
class Flows:
    """What people do, what they were told, and which secrets were part of it."""

    stead: Stead
    marks: list[Mark] = field(default_factory=list)
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def secret(self, name: str, value: str = "", *homes: str) -> str:
        """Return a new secret to send, or remember one that Stead made."""
        made = value or SECRET.format(name)
        self.marks.append(Mark(name, made, homes))
        return made

    def hear(self, where: str, content: bytes | str) -> None:
        """Keep what was answered, to be searched at the end."""
        self.heard.append((where, content.encode() if isinstance(content, str) else content))

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the API, and keep the answer."""
        with self.stead.api() as api:
            answer = api.request(method, path, **more)
        self.hear(f"answer to {method} {path}", answer.content + str(answer.headers).encode())
        return answer

    def ended(self, operation: str) -> str:
        """Wait for an operation, keep its whole stream, and return how it ended."""
        path = f"/api/v1/operations/{operation}"
        with self.stead.api() as api, api.stream("GET", f"{path}/events", timeout=300) as stream:
            self.hear(f"stream of {operation}", b"".join(stream.iter_bytes()))
        self.ask("GET", f"{path}/events?after=0")
        return str(self.ask("GET", path).json()["state"])

    def deploy(self, name: str, **inputs: object) -> dict[str, str]:
        """Ask for a deployment with a secret of its own."""
        password = self.secret(f"password-of-{name}")
        asked = {"app": "quick", "name": name, "inputs": {"password": password, **inputs}}
        key = {"Idempotency-Key": f"canary-{name}"}
        answer = self.ask("POST", "/api/v1/deployments", json=asked, headers=key)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        again = self.ask("POST", "/api/v1/deployments", json=asked, headers=key)
        assert again.json() == answer.json()
        return dict(answer.json())


def deploy_reveal_and_remove(flows: Flows) -> None:
    """The password is made by Stead here; revealing is the one way to learn it."""
    asked = {"app": "quick", "name": "sings"}
    made = flows.ask("POST", "/api/v1/deployments", json=asked).json()
    path = f"/api/v1/deployments/{made['deployment_id']}"
    with flows.stead.api() as api:
        (shown,) = api.post(f"{path}/reveal").json()
    flows.secret("made-password", shown["value"])
    assert flows.ended(made["operation_id"]) == "succeeded"
    flows.ask("GET", path)
    flows.ask("GET", "/api/v1/deployments")
    assert flows.ended(flows.ask("DELETE", path).json()["operation_id"]) == "succeeded"


def fail_and_cancel(flows: Flows) -> None:
    failing = flows.deploy("falls", install_passes=False)
    assert flows.ended(failing["operation_id"]) == "failed"
    cancelled = flows.deploy("stops")
    flows.ask("POST", f"/api/v1/operations/{cancelled['operation_id']}/cancel")
    assert flows.ended(cancelled["operation_id"]) in {"cancelled", "succeeded"}


def use_the_command_line(flows: Flows) -> None:
    password = flows.secret("password-by-command-line")
    words = ("deploy", "quick", "--name", "typed", "--set-file", "password=-")
    flows.hear("output of deploy", flows.stead.cli(*words, stdin=f"{password}\n"))
    flows.hear("output of show", flows.stead.cli("show", "typed"))
    flows.hear("output of audit", flows.stead.cli("audit", "list", "--json"))
    flows.hear("output of remove", flows.stead.cli("remove", "typed", "--yes"))


def send_what_is_refused(flows: Flows) -> None:
    """Answers and logs must not repeat what they refuse."""
    wrong = flows.secret("refused-input")
    for inputs in ({"password": {"deep": wrong}}, {"password": [wrong]}, {"check_passes": wrong}):
        body = {"app": "quick", "name": "refused", "inputs": inputs}
        answer = flows.ask("POST", "/api/v1/deployments", json=body)
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, answer.text
    token = flows.secret("refused-token", "stt_" + "Kanarie" * 6)
    flows.ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    flows.ask("GET", f"/sign-in/{flows.secret('refused-link', 'stl_' + 'Kanarie' * 6)}a")


def make_and_revoke_tokens(flows: Flows) -> None:
    with flows.stead.api() as api:
        made = api.post("/api/v1/tokens", json={"name": "canary"}).json()
    flows.secret("api-token", made["token"])
    flows.ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {made['token']}"})
    flows.ask("GET", "/api/v1/tokens")
    flows.ask("DELETE", f"/api/v1/tokens/{made['id']}")


def use_the_console(flows: Flows) -> None:
    link = flows.stead.admin("sign-in-link").strip()
    flows.secret("sign-in-link", link.rpartition("/")[2])
    origin = link.partition("/sign-in/")[0]
    base = f"http://127.0.0.1:{flows.stead.console_port}"
    headers = {"Origin": origin, "Accept": "text/html"}
    with httpx.Client(base_url=base, headers=headers, timeout=30) as browser:
        answer = browser.post(link.removeprefix(origin), data={"csrf": ""})
        session = answer.cookies["__Host-stead"]
        flows.secret("session", session)
        browser.headers["Cookie"] = f"__Host-stead={session}"
        page = browser.get("/tokens").text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        made = browser.post("/tokens", data={"csrf": csrf, "name": "by page"}).text
        flows.secret("token-by-page", next(iter(SHOWN_ONCE.findall(made))))
        for path in ("/", "/operations", "/audit", "/tokens", "/about"):
            flows.hear(f"page {path}", browser.get(path).content)
        browser.post("/sign-out", data={"csrf": csrf})


def take_copies_and_exports(flows: Flows) -> None:
    said = flows.stead.admin("backup")
    flows.secret("recovery-key", max(said.split(), key=len))
    flows.hear("export of the audit trail", flows.stead.cli("audit", "export"))
    flows.hear("verdict on the audit trail", flows.stead.admin("audit", "verify"))


def what_the_server_holds(flows: Flows) -> None:
    data = flows.stead.data
    flows.secret("vault-key", (data / "vault.key").read_text().strip(), "vault.key")
    flows.secret("ca-key", _body(data / "ca.key"), "ca.key")
    flows.secret("edge-token", (data / "edge.token").read_text().strip(), "edge.token")
    flows.secret("cli-token", flows.stead.token, ".config/stead/config.toml")


def _body(path: Path) -> str:
    """Return a line of a key that no other key has."""
    return path.read_text().splitlines()[2]


def hunt(flows: Flows, found: Hunt) -> None:
    for where, content in flows.heard:
        found.content(where, content)
    found.folder(flows.stead.folder)
    ours = [process.pid for process in flows.stead.processes.values()]
    found.processes(ours)


@pytest.mark.release
def test_no_secret_is_anywhere_but_in_its_home(stead: Stead):
    flows = Flows(stead)
    with stead.api():
        what_the_server_holds(flows)
    found = Hunt(flows.marks)
    ours = [process.pid for process in stead.processes.values()]
    with Watch(found, ours) as watch:
        deploy_reveal_and_remove(flows)
        fail_and_cancel(flows)
        use_the_command_line(flows)
        send_what_is_refused(flows)
        make_and_revoke_tokens(flows)
        use_the_console(flows)
        take_copies_and_exports(flows)
    hunt(flows, found)
    assert len(flows.marks) == 16
    assert watch.looks > 10
    assert found.searched > 1_000_000
    assert sorted(set(found.hits)) == []
    _the_hunt_would_have_found_it(flows)


def _the_hunt_would_have_found_it(flows: Flows) -> None:
    """Let one secret of each kind slip into the database's log: each is found."""
    leak = flows.stead.data / "leak.log"
    for mark in flows.marks:
        leak.write_text(json.dumps({"said": mark.value}))
        found = Hunt([mark])
        found.folder(flows.stead.data)
        assert [hit for hit in found.hits if "leak.log" in hit], mark.name
    leak.unlink()
    until("nothing is left behind", lambda: not leak.exists(), 1)
