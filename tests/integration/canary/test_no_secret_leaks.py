"""Marked secrets go through everything that takes one; afterwards nothing else holds them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest
from tests.support.canary import Hunt, Watch
from tests.support.flows import Flows
from tests.support.incus import ROOT
from tests.support.stead import Stead
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)
SHOWN_ONCE = re.compile(r"\bst[lst]_[\w-]{20,}")


# What no mark goes through, and why.
WITHOUT_MARK = {
    "PUT /api/v1/me/second-factor code": "six digits that count for a minute are found everywhere",
    "PUT /api/v1/settings/{setting_id} value": "every admin reads it again: none is a secret",
    "answer of PUT /api/v1/settings/{setting_id} value": "every admin reads it again",
}


def deploy_reveal_and_remove(flows: Flows) -> None:
    """The password is made by Stead here; revealing is the one way to learn it."""
    asked = {"app": "quick", "name": "sings"}
    made = flows.ask("POST", "/api/v1/deployments", json=asked).json()
    path = f"/api/v1/deployments/{made['deployment_id']}"
    flows.ask("POST", f"{path}/reveal")
    assert flows.ended(made["operation_id"]) == "succeeded"
    flows.ask("GET", path)
    flows.ask("GET", "/api/v1/deployments")
    assert flows.ended(flows.ask("DELETE", path).json()["operation_id"]) == "succeeded"


def change_what_is_live(flows: Flows) -> None:
    made = flows.deploy("changes")
    assert flows.ended(made["operation_id"]) == "succeeded"
    path = f"/api/v1/deployments/{made['deployment_id']}"
    body = {"inputs": {"password": flows.secret("password-that-comes-next")}}
    changed = flows.ask("PATCH", path, json=body)
    assert flows.ended(changed.json()["operation_id"]) == "succeeded"
    assert flows.ask("POST", f"{path}/reveal").is_success


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
    made = flows.ask("POST", "/api/v1/tokens", json={"name": "canary"}).json()
    flows.ask("GET", "/api/v1/me", token=made["token"])
    flows.ask("GET", "/api/v1/tokens")
    flows.ask("DELETE", f"/api/v1/tokens/{made['id']}")


def browser_of(flows: Flows) -> httpx.Client:
    """Return what asks like a browser that shows the console."""
    base = f"http://127.0.0.1:{flows.stead.console_port}"
    origin = f"https://console.stead.localhost:{flows.stead.https_port}"
    headers = {"Origin": origin, "Accept": "text/html"}
    return httpx.Client(base_url=base, headers=headers, timeout=30)


def use_the_console(flows: Flows) -> None:
    link = flows.stead.admin("sign-in-link").strip()
    flows.secret("sign-in-link", link.rpartition("/")[2])
    origin = link.partition("/sign-in/")[0]
    with browser_of(flows) as browser:
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


def become_somebody(flows: Flows) -> str:
    """A new person sets a password by a link, and signs in; return their token."""
    person = flows.ask("POST", "/api/v1/people", json={"name": "canary"}).json()
    again = flows.ask("POST", f"/api/v1/people/{person['id']}/reset-link", json={}).json()
    password = flows.secret("password-by-link")
    with browser_of(flows) as browser:
        for link, late in ((again["link"], ""), (person["link"], "password-that-is-late")):
            address = httpx.URL(link).path
            chosen = flows.secret(late) if late else password
            form = {"password": chosen, "repeat": chosen}
            flows.hear("answer to a new password", browser.post(address, data=form).content)
    wrong = {"name": "canary", "password": flows.secret("password-that-is-wrong")}
    assert flows.ask("POST", "/api/v1/sign-in", json=wrong).status_code == httpx.codes.UNAUTHORIZED
    right = {"name": "canary", "password": password, "scopes": ["admin"]}
    signed = flows.ask("POST", "/api/v1/sign-in", json=right)
    token: str = signed.json()["token"]
    better = {"current": password, "password": flows.secret("password-afterwards")}
    assert flows.ask("PUT", "/api/v1/me/password", token=token, json=better).is_success
    return token


def use_a_second_factor(flows: Flows, token: str) -> None:
    password = next(one.value for one in flows.marks if one.name == "password-afterwards")
    path, proof = "/api/v1/me/second-factor", {"password": password}
    made = flows.ask("POST", path, token=token).json()
    code = pyotp.TOTP(made["secret"]).now()
    turned_on = flows.ask("PUT", path, token=token, json=proof | {"code": code})
    assert turned_on.is_success, turned_on.text
    more = flows.ask("POST", f"{path}/codes", token=token, json=proof).json()
    body = {"name": "canary", "password": password, "code": more["codes"][0]}
    assert flows.ask("POST", "/api/v1/sign-in", json=body).is_success
    assert flows.ask("POST", f"{path}/off", token=token, json=proof).is_success


def invite_somebody(flows: Flows, token: str) -> None:
    (project, *_) = flows.ask("GET", "/api/v1/projects").json()
    path = f"/api/v1/projects/{project['id']}/invitations"
    for role in ("viewer", "developer"):
        made = flows.ask("POST", path, json={"role": role}).json()
        invited = made["link"].rpartition("/")[2]
        flows.ask("GET", path)
    body = {"token": invited}
    assert flows.ask("POST", "/api/v1/invitations/accept", token=token, json=body).is_success


def tell_and_enrol_others(flows: Flows) -> None:
    (project, *_) = flows.ask("GET", "/api/v1/projects").json()
    asked = {"name": "canary", "url": "https://hooks.example.org/x", "events": ["job.failed"]}
    hook = flows.ask("POST", f"/api/v1/projects/{project['id']}/webhooks", json=asked).json()
    assert flows.ask("POST", f"/api/v1/webhooks/{hook['id']}/secret").is_success
    flows.ask("DELETE", f"/api/v1/webhooks/{hook['id']}")
    server = flows.ask("POST", "/api/v1/servers", json={"name": "canary"}).json()
    assert flows.ask("POST", f"/api/v1/servers/{server['id']}/token").is_success
    inputs = {"password": flows.secret("password-for-a-server")}
    wanted = {"app": "quick", "inputs": inputs}
    many = {"machines": [server["id"]], "install": wanted}
    for path, body in ((f"/agents/{server['id']}/packages", wanted), ("/bulk", many)):
        begun = flows.ask("POST", f"/api/v1{path}", json=body)
        if path != "/bulk":
            assert flows.ask("POST", f"/api/v1{path}/quick/reveal").is_success
        stop(flows, begun)
    flows.ask("DELETE", f"/api/v1/servers/{server['id']}")


def connect_what_is_not_there(flows: Flows) -> None:
    options = {"url": "https://127.0.0.1:1", "token": "stead@pve!canary"}
    options["secret"] = flows.secret("secret-of-a-cluster")
    place = {"engine": "proxmox", "options": options}
    flows.ask("POST", "/api/v1/clusters/probe", json=place)
    asked = {"name": "canary", "fingerprint": ":".join(["AB"] * 32), **place}
    made = flows.ask("POST", "/api/v1/clusters", json=asked)
    assert made.is_success, made.text
    cluster = f"/api/v1/clusters/{made.json()['cluster']['id']}"
    assert flows.ended(made.json()["operation_id"]) == "failed"
    options = {"secret": flows.secret("next-secret-of-a-cluster")}
    answer = flows.ask("POST", f"{cluster}/credentials", json={"options": options})
    if answer.is_success:
        flows.ended(answer.json()["operation_id"])
    flows.ask("GET", cluster)
    flows.ask("DELETE", f"{cluster}?forget=true")


def take_packages_from_elsewhere(flows: Flows) -> None:
    asked = {"name": "canary", "url": "https://127.0.0.1:1/x.git"}
    body = asked | {"token": flows.secret("git-token")}
    made = flows.ask("POST", "/api/v1/sources", json=body)
    assert made.is_success, made.text
    assert flows.ended(made.json()["operation_id"]) == "failed"
    flows.ask("GET", "/api/v1/sources")


def begin_a_bundle(flows: Flows) -> None:
    inputs = {"one": {"password": flows.secret("password-in-a-bundle")}}
    asked = {"bundle": "pair", "name": "canaries", "inputs": inputs}
    stop(flows, flows.ask("POST", "/api/v1/bundles", json=asked))


def connect_where_nobody_answers(flows: Flows) -> None:
    """Passwords in addresses stay out of what is said when nobody answers there."""
    password = flows.secret("database-password", "Kanarie-of-a-database")
    address = f"postgresql+asyncpg://u:{password}@127.0.0.1:1/x"
    for verb, settings in (("init", {"STEAD_SERVER_DATABASE": address}), ("redis", {})):
        done = subprocess.run(
            [sys.executable, "-m", "stead.entrypoints.cli", "admin", verb],
            env=flows.stead.environment() | settings,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode != 0, done.stdout
        flows.hear(f"output of admin {verb}", done.stdout + done.stderr)
    flows.ask("GET", "/api/v1/settings")
    flows.hear("output of config show", flows.stead.cli("config", "show"))


def stop(flows: Flows, answer: httpx.Response) -> None:
    """Cancel what an answer says was begun."""
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    flows.ask("POST", f"/api/v1/operations/{answer.json()['operation_id']}/cancel")


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


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Flows]:
    """Return a Stead of people, servers and a Redis that is away; its guests do not run."""
    flows = Flows(Stead(tmp_path / "simulated", None, network="10.119.0.0/16", speed=100))
    flows.stead.packages = (ROOT / "tests" / "packages",)
    flows.stead.prepare()
    password = flows.secret("redis-password", "Kanarie-of-a-redis", "stead.toml")
    own = f"""[redis]
url = "rediss://u:{password}@127.0.0.1:1"
ca_file = "{flows.stead.data}/ca.pem"
[server]
agent_address = "127.0.0.1"
"""
    text = flows.stead.config.read_text()
    flows.stead.config.write_text(text.replace("[server]\n", own))
    try:
        flows.stead.start()
        yield flows
    finally:
        flows.stead.stop()


@pytest.mark.release
def test_no_secret_is_anywhere_but_in_its_home(stead: Stead, simulated: Flows):
    flows = Flows(stead, marks=simulated.marks, through=simulated.through)
    for one in (flows, simulated):
        with one.stead.api():
            what_the_server_holds(one)
    found = Hunt(flows.marks)
    both = [*stead.processes.values(), *simulated.stead.processes.values()]
    with Watch(found, [process.pid for process in both]) as watch:
        deploy_reveal_and_remove(flows)
        fail_and_cancel(flows)
        use_the_command_line(flows)
        send_what_is_refused(flows)
        make_and_revoke_tokens(flows)
        use_the_console(flows)
        token = become_somebody(simulated)
        use_a_second_factor(simulated, token)
        invite_somebody(simulated, token)
        tell_and_enrol_others(simulated)
        connect_what_is_not_there(simulated)
        take_packages_from_elsewhere(simulated)
        begin_a_bundle(simulated)
        change_what_is_live(simulated)
        connect_where_nobody_answers(simulated)
        take_copies_and_exports(flows)
        take_copies_and_exports(simulated)
    hunt(flows, found)
    hunt(simulated, found)
    missing = {str(one) for one in flows.places - flows.through}
    assert missing == set(WITHOUT_MARK), "let a flow put a mark through, or say why none can"
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
