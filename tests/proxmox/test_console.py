"""A file and a command reach a container through its console alone."""

import asyncio
import base64
import hashlib
import re
import ssl
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from tests.proxmox import presets
from tests.proxmox.access import Grant, User
from tests.proxmox.api import lxc_power
from tests.proxmox.double import Double, running
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SECRET = b"one-time token: 1234"
TAKE_OVER = (
    b"unset HISTFILE; (set +o emacs +o vi) 2>/dev/null && set +o emacs +o vi; PS1= PS2=; "
    b"stty sane -echo; export HOME=/root LC_ALL=C; printf '\\n%s%s %s\\n' R Y \"$(id -u)\"\n"
)
RECEIVE = (
    "umask 077; mkdir -p \"$(dirname '/opt/a/t')\"; "
    "stty -icanon -echo -ixon min 1 time 0; printf '%s%s\\n' G O; "
    "$(command -v timeout >/dev/null && echo timeout 60) head -c COUNT | base64 -d >'/opt/a/t.x'; "
    "stty icanon; printf '%s%s:%s:\\n' Z E \"$(sha256sum <'/opt/a/t.x' | cut -c1-64)\"\n"
)
FINISH = b"chmod 600 '/opt/a/t.x' && mv -f '/opt/a/t.x' '/opt/a/t'; printf 'D%s\\n' $?\n"


@pytest.fixture
async def double() -> AsyncIterator[Double]:
    async with running(speed=50) as started:
        user = User(password=started.world.access.digest("password of con"))
        started.world.access.users["con@pve"] = user
        started.world.access.roles["Con"] = {"VM.Console"}
        started.world.access.acl[Grant("/vms/101", "user", "con@pve", "Con")] = 0
        guest = presets.container(started.world, 101, cmode="shell")
        lxc_power.run(started.world, guest)
        yield started


class Viewer:
    """A client of the console, written from the protocol's description."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen = b""

    async def until(self, pattern: bytes) -> re.Match[bytes]:
        async with asyncio.timeout(20):
            while not (found := re.search(pattern, self.seen, re.DOTALL)):
                received = await self.socket.recv()
                assert isinstance(received, bytes)
                self.seen += received
        self.seen = self.seen[found.end() :]
        return found

    async def type(self, data: bytes) -> None:
        await self.socket.send(b"0:%d:" % len(data) + data)

    async def drained(self) -> None:
        async with asyncio.timeout(20):
            try:
                while True:
                    self.seen += await self.socket.recv()
            except ConnectionClosed:
                return


async def log_in(double: Double, client: httpx.AsyncClient) -> None:
    form = {"username": "con@pve", "password": "password of con"}
    found = (await client.post("/access/ticket", data=form)).json()["data"]
    client.headers["Cookie"] = f"PVEAuthCookie={quote(found['ticket'], safe='')}"
    client.headers["CSRFPreventionToken"] = found["CSRFPreventionToken"]


def address(double: Double, proxy: dict[str, str]) -> str:
    ticket = quote(proxy["ticket"], safe="")
    path = f"/api2/json/nodes/pve1/lxc/101/vncwebsocket?port={proxy['port']}&vncticket={ticket}"
    return f"wss://127.0.0.1:{double.port}{path}"


@pytest.fixture
async def client(double: Double) -> AsyncIterator[httpx.AsyncClient]:
    base = f"{double.url}/api2/json"
    async with httpx.AsyncClient(base_url=base, verify=double.context()) as one:
        await log_in(double, one)
        yield one


async def open_console(client: httpx.AsyncClient) -> dict[str, str]:
    found: dict[str, str] = (await client.post("/nodes/pve1/lxc/101/termproxy")).json()["data"]
    return found


def socket(double: Double, client: httpx.AsyncClient, proxy: dict[str, str]) -> connect:
    tls: ssl.SSLContext = double.context()
    headers = {
        name: client.headers[name]
        for name in ("Cookie", "Authorization")
        if name in client.headers
    }
    return connect(
        address(double, proxy),
        ssl=tls,
        additional_headers=headers,
        compression=None,
        max_size=None,
    )


async def greet(viewer: Viewer, proxy: dict[str, str]) -> None:
    await viewer.socket.send(f"{proxy['user']}:{proxy['ticket']}\n".encode())
    await viewer.until(rb"\AOK")
    await viewer.until(rb"\x1b\[H\x1b\[J")


async def test_a_file_is_pushed_into_a_shell(double: Double, client: httpx.AsyncClient) -> None:
    proxy = await open_console(client)
    async with socket(double, client, proxy) as opened:
        viewer = Viewer(opened)
        await greet(viewer, proxy)
        await viewer.until(rb"# ")
        await viewer.type(b"\x15exec /bin/sh\n")
        await viewer.type(TAKE_OVER)
        assert (await viewer.until(rb"RY (\d+)\r*\n"))[1] == b"0"
        encoded = base64.b64encode(SECRET)
        await viewer.type(RECEIVE.replace("COUNT", str(len(encoded))).encode())
        await viewer.until(rb"GO\r*\n")
        await viewer.type(encoded)
        digest = (await viewer.until(rb"ZE:(\w*):"))[1].decode()
        assert digest == hashlib.sha256(SECRET).hexdigest()
        await viewer.type(FINISH)
        await viewer.until(rb"D0\r*\n")
        await viewer.type(b"exit\n")
        await viewer.drained()
    assert b"EOF - dtach terminating" in viewer.seen
    assert double.guest(101).files["/opt/a/t"] == SECRET
    assert double.guest(101).modes["/opt/a/t"] == 0o600


async def test_a_session_outlives_its_viewer(double: Double, client: httpx.AsyncClient) -> None:
    first = await open_console(client)
    async with socket(double, client, first) as opened:
        await greet(viewer := Viewer(opened), first)
        await viewer.until(rb"# ")
    again = await open_console(client)
    async with socket(double, client, again) as opened:
        await greet(viewer := Viewer(opened), again)
        await viewer.type(b"hostname\n")
        await viewer.until(rb"ct101\r*\n")
    assert double.guest(101).console is not None


@pytest.mark.parametrize("left", [b"cat\n", b"sleep 99999\n", b"echo 'open quote\n"])
async def test_what_the_last_viewer_left_running_ends_by_break(
    double: Double, client: httpx.AsyncClient, left: bytes
) -> None:
    proxy = await open_console(client)
    async with socket(double, client, proxy) as opened:
        await greet(viewer := Viewer(opened), proxy)
        await viewer.until(rb"# ")
        await viewer.type(left)
        await viewer.until(re.escape(left.strip()))
    again = await open_console(client)
    async with socket(double, client, again) as opened:
        await greet(viewer := Viewer(opened), again)
        await viewer.type(b"\x03")
        await viewer.type(b"\x15stty -echo; printf 'here%s\\n' again\n")
        await viewer.until(rb"hereagain\r*\n")


async def test_a_header_in_two_parts_is_lost(double: Double, client: httpx.AsyncClient) -> None:
    proxy = await open_console(client)
    async with socket(double, client, proxy) as opened:
        await greet(viewer := Viewer(opened), proxy)
        await viewer.until(rb"# ")
        await opened.send(b"0:1")
        await opened.send(b"0:echo lost\n")
        await viewer.type(b"echo kept\n")
        found = await viewer.until(rb"(.*)kept\r*\n")
    assert b"lost" not in found[0]


async def test_a_token_gets_a_socket_but_no_console(double: Double) -> None:
    headers = {"Authorization": f"PVEAPIToken={double.token}"}
    base = f"{double.url}/api2/json"
    async with httpx.AsyncClient(
        base_url=base, verify=double.context(), headers=headers
    ) as client:
        proxy = await open_console(client)
        async with socket(double, client, proxy) as opened:
            await opened.send(f"{proxy['user']}:{proxy['ticket']}\n".encode())
            with pytest.raises(ConnectionClosed):
                await opened.recv()
    (task,) = double.tasks("vncproxy")
    assert "authentication request failed" in task.log


async def test_a_ticket_of_somebody_else_is_refused(
    double: Double, client: httpx.AsyncClient
) -> None:
    headers = {"Authorization": f"PVEAPIToken={double.token}"}
    base = f"{double.url}/api2/json"
    async with httpx.AsyncClient(base_url=base, verify=double.context(), headers=headers) as root:
        proxy = await open_console(root)
    with pytest.raises(InvalidStatus) as refused:
        async with socket(double, client, proxy):
            pass
    assert refused.value.response.status_code == 401
    assert refused.value.response.reason_phrase == "permission denied - invalid PVEVNC ticket"


async def test_nobody_comes_and_the_task_says_so(
    double: Double, client: httpx.AsyncClient
) -> None:
    await open_console(client)
    await double.advance(11)
    (task,) = double.tasks("vncproxy")
    assert task.log[0] == "failed waiting for client: timed out"
    assert not double.world.consoles


async def test_a_console_of_a_stopped_guest_says_so(
    double: Double, client: httpx.AsyncClient
) -> None:
    lxc_power.halt(double.guest(101))
    proxy = await open_console(client)
    async with socket(double, client, proxy) as opened:
        await opened.send(f"{proxy['user']}:{proxy['ticket']}\n".encode())
        viewer = Viewer(opened)
        await viewer.drained()
    assert b"Failed to get init pid" in viewer.seen


async def test_a_changed_mode_waits_for_the_next_start(double: Double) -> None:
    guest = double.guest(101)
    headers = {"Authorization": f"PVEAPIToken={double.token}"}
    base = f"{double.url}/api2/json"
    async with httpx.AsyncClient(
        base_url=base, verify=double.context(), headers=headers
    ) as client:
        answer = await client.put("/nodes/pve1/lxc/101/config", data={"delete": "cmode"})
        assert answer.status_code == 200
        rows = (await client.get("/nodes/pve1/lxc/101/pending")).json()["data"]
        assert {"key": "cmode", "value": "shell", "delete": 1} in rows
        assert guest.mode == "shell"
        await client.post("/nodes/pve1/lxc/101/status/reboot")
        await double.advance(8)
        rows = (await client.get("/nodes/pve1/lxc/101/pending")).json()["data"]
    assert not [row for row in rows if row["key"] == "cmode"]
    assert guest.mode == "tty"
