"""What is sent, how it is signed, and what every kind of answer becomes."""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pytest

from stead.engines import errors
from stead.engines.drivers.proxmox import calls, tasks
from stead.engines.drivers.proxmox.client import ProxmoxClient
from stead.engines.drivers.proxmox.login import Token, User
from stead.engines.drivers.proxmox.pace import Pace
from stead.engines.drivers.proxmox.tasks import Tasks
from stead.kit.secrets import Secret

TOKEN = Token("ctl@pve!api", Secret("s3cret"))
UPID = "UPID:pve1:00000AF7:00047E08:6B018F23:vzdump:101:ctl@pve!api:"
Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, credentials: Token | User = TOKEN) -> ProxmoxClient:
    transport = httpx.MockTransport(answer)
    http = httpx.AsyncClient(transport=transport, base_url="https://pve1:8006")
    return ProxmoxClient(http, credentials)


def data(value: object) -> httpx.Response:
    return httpx.Response(200, json={"data": value})


async def test_changes_are_forms_and_questions_and_deletions_are_queries():
    seen: list[tuple[str, str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, str(request.url.query, "ascii"), request.content))
        return data(None)

    one = client(answer)
    await one.call(calls.CT_UPDATE, "x", {"onboot": True, "memory": 64}, node="n", vmid=1)
    await one.call(calls.CT_DELETE, "x", {"purge": True}, node="n", vmid=1)
    await one.call(calls.RESOURCES, "x", {"type": "vm"})
    assert seen == [
        ("PUT", "", b"onboot=1&memory=64"),
        ("DELETE", "purge=1", b""),
        ("GET", "type=vm", b""),
    ]


async def test_what_is_in_a_path_is_encoded_whole():
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return data([])

    where = {"node": "../x", "storage": "a/b", "volume": "local:backup/x y.zst"}
    await client(answer).call(calls.VOLUME_DELETE, "x", **where)
    assert seen == [b"/api2/json/nodes/..%2Fx/storage/a%2Fb/content/local%3Abackup%2Fx%20y.zst"]


async def test_a_parameter_that_is_not_declared_is_never_sent():
    with pytest.raises(errors.InvalidError, match="memory"):
        await client(lambda _: data(None)).call(
            calls.CT_CLONE, "x", {"memory": 1}, node="n", vmid=1
        )


async def test_the_token_is_sent_and_needs_nothing_else():
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "PVEAPIToken=ctl@pve!api=s3cret"
        assert "Cookie" not in request.headers
        return data({"version": "8.4.1"})

    assert await client(answer).call(calls.VERSION, "x") == {"version": "8.4.1"}


@pytest.mark.parametrize("call", [calls.VERSION, calls.POOL_CREATE])
async def test_a_connection_that_ends_while_idle_is_tried_again_for_questions_only(
    call: calls.Call,
):
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if len(asked) == 1:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return data("fine")

    one = client(answer)
    if call.changes:
        with pytest.raises(errors.OutcomeUnknownError):
            await one.call(call, "x", {"poolid": "p"})
        assert asked == ["POST"]
    else:
        assert await one.call(call, "x") == "fine"
        assert asked == ["GET", "GET"]


@pytest.mark.parametrize("call", [calls.VERSION, calls.POOL_CREATE])
async def test_what_was_never_sent_is_unreachable_and_not_unknown(call: calls.Call):
    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(errors.UnreachableError):
        await client(answer).call(call, "x")


async def test_a_body_without_end_is_given_up():
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b"x" * (17 * 1024 * 1024))

    with pytest.raises(errors.UnreachableError):
        await client(answer).call(calls.VERSION, "x")


class Session:
    """A server that lets a user in and checks what proves it."""

    def __init__(self) -> None:
        self.tickets: list[str] = []
        self.passwords: list[str] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/access/ticket"):
            self.passwords.append(parse_qs(request.content.decode())["password"][0])
            self.tickets.append(f"PVE:con@pve:{len(self.tickets)}")
            known = {"ticket": self.tickets[-1], "CSRFPreventionToken": "guard"}
            return data(known)
        if (
            self.tickets[-1].replace(":", "%3A").replace("@", "%40")
            not in request.headers["Cookie"]
        ):
            return httpx.Response(401, extensions={"reason_phrase": b"No ticket"})
        guarded = request.headers.get("CSRFPreventionToken") == "guard"
        return data(guarded)


async def test_a_user_signs_in_once_and_guards_changes_only():
    session = Session()
    one = client(session.answer, User("con@pve", Secret("pw")))
    assert await one.call(calls.VERSION, "x") is False
    assert await one.call(calls.POOL_CREATE, "x", {"poolid": "p"}) is True
    assert session.passwords == ["pw"]


async def test_a_ticket_is_renewed_by_itself_before_it_is_lost():
    session, now = Session(), [0.0]
    one = client(session.answer, User("con@pve", Secret("pw"), lambda: now[0]))
    for moment in (0, 3500, 3700, 20_000):
        now[0] = moment
        await one.call(calls.VERSION, "x")
    assert session.passwords == ["pw", "PVE:con@pve:0", "pw"]


async def test_a_ticket_that_is_refused_is_replaced_once():
    session = Session()
    one = client(session.answer, User("con@pve", Secret("pw")))
    await one.call(calls.VERSION, "x")
    session.tickets.append("PVE:of-somebody-else")
    await one.call(calls.VERSION, "x")
    assert session.passwords == ["pw", "pw"]


async def test_a_second_factor_is_told():
    one = client(
        lambda _: data({"NeedTFA": 1, "ticket": "PVE:!tfa!"}), User("c@pve", Secret("pw"))
    )
    with pytest.raises(errors.AuthRejectedError, match="second factor"):
        await one.call(calls.VERSION, "x")


async def test_a_wrong_password_is_not_tried_again():
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(401, extensions={"reason_phrase": b"authentication failure"})

    with pytest.raises(errors.AuthRejectedError):
        await client(answer, User("c@pve", Secret("pw"))).call(calls.VERSION, "x")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("exitstatus", "well"),
    [("OK", True), ("WARNINGS: 2", True), ("job errors", False), ("", False), ("OKAY", False)],
)
def test_warnings_are_no_failure(exitstatus: str, well: bool):  # noqa: FBT001  (a table's column)
    assert tasks.Ended(tasks.parse(UPID), exitstatus).well is well


@pytest.mark.parametrize("text", ["", "UPID", "UPID:pve1:x", "None", "upid:" + UPID])
def test_what_is_no_task_is_of_unknown_outcome(text: str):
    with pytest.raises(errors.OutcomeUnknownError):
        tasks.parse(text)


async def test_many_who_wait_ask_for_one_list():
    asked: list[str] = []
    ended: set[str] = set()
    upids = [UPID.replace("vzdump:101", f"vzstart:{number}") for number in range(101, 131)]

    def answer(request: httpx.Request) -> httpx.Response:
        path = httpx.URL(request.url).path
        asked.append("list" if path.endswith("/tasks") else "one")
        if path.endswith("/tasks"):
            listed = [{"upid": upid} for upid in upids if upid not in ended]
            if len(asked) > 3:
                ended.update(upids)
            return data(listed)
        return data({"status": "stopped", "exitstatus": "OK"})

    waiting = Tasks(client(answer), Pace(least=0.001, most=0.001))
    await _all(waiting, upids)
    assert asked.count("one") == len(upids)
    assert asked.count("list") < 12


async def test_the_words_of_a_failed_task_end_in_its_log():
    lines = ["INFO: starting", "ERROR: Backup of VM 101 failed - no snapshots here", "INFO: bye"]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/log"):
            return data([{"n": n, "t": text} for n, text in enumerate(lines)])
        return data({"status": "stopped", "exitstatus": "job errors"})

    with pytest.raises(errors.TaskFailedError, match="no snapshots here") as told:
        await Tasks(client(answer), Pace()).finish(tasks.parse(UPID), "back it up")
    assert told.value.native.startswith("job errors\nINFO: starting")


async def test_credentials_that_are_refused_end_all_waiting():
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, extensions={"reason_phrase": b"invalid token value!"})

    with pytest.raises(errors.AuthRejectedError):
        await Tasks(client(answer), Pace()).finish(tasks.parse(UPID), "x")


async def _all(waiting: Tasks, upids: list[str]) -> None:
    await asyncio.gather(*(waiting.finish(tasks.parse(upid), "x") for upid in upids))
