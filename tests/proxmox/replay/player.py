"""Plays one recording: seeds the double, sends each request in turn, compares each answer."""

import asyncio
import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from tests.proxmox import app, login
from tests.proxmox.clock import Clock, settle
from tests.proxmox.replay import compare, sockets
from tests.proxmox.wire import DroppedError, Request, Response
from tests.proxmox.world import World

EPOCH = 1_795_263_000.0
LONGEST_STEP = 0.2
LONGEST_WAIT = 120
GROUP = re.compile(r"^(.*) \(call (\d+) of (\d+), started \+([\d.]+)s\)$")
UPID = re.compile(r"UPID:([^:]+):[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:([^:]+):([^:]*):([^:]+):")
LEARNED = re.compile(
    r"UPID:.*:|[0-9a-f]{40}|[\w\-]+:backup/\S+|/?backup/\S+|PVE:!tfa!.*|[0-9a-f-]{36}"
)

Exchange = dict[str, Any]
Hook = Callable[["Player"], Any]


@dataclasses.dataclass
class Seed:
    """What a recording presumes: the world before it, and what happened off the record."""

    world: Callable[[Clock], World]
    before: dict[int, Hook] = dataclasses.field(default_factory=dict)
    together: dict[int, tuple[int, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Result:
    """One exchange with the differences that were found."""

    file: str
    index: int
    request: str
    differences: tuple[str, ...]


class Player:
    """Plays one file."""

    def __init__(self, file: str, exchanges: list[Exchange], seed: Seed) -> None:
        self.file = file
        self.exchanges = exchanges
        self.clock = Clock(speed=0, epoch=EPOCH)
        self.world = seed.world(self.clock)
        self.before = seed.before
        self.together = seed.together
        self.learned: dict[str, str] = {}
        self.user = "root@pam"
        self.results: list[Result] = []
        self.secrets: dict[int, str] = {}
        self.index = 0
        self.remarks: list[str] = []
        self.console: dict[str, str] = {}
        self.bodies: dict[int, bytes] = {}

    async def play(self) -> list[Result]:
        """Play everything and return what came of it."""
        while self.index < len(self.exchanges):
            group = self._group()
            if len(group) > 1:
                await self._play_group(group)
            else:
                await self._play_one(self.index)
            self.index += len(group)
        for work in list(self.world.background):
            work.cancel()
        await asyncio.gather(*self.world.background, return_exceptions=True)
        await self.clock.aclose()
        return self.results

    def _group(self) -> list[int]:
        """Return the exchanges that were sent at once with this one."""
        if self.index in self.together:
            return list(self.together[self.index])
        found = GROUP.match(self.exchanges[self.index].get("note") or "")
        if not found:
            return [self.index]
        count = int(found[3])
        members = range(self.index, min(self.index + count, len(self.exchanges)))
        same = [
            number
            for number in members
            if (GROUP.match(self.exchanges[number].get("note") or "") or ["", ""])[1] == found[1]
        ]
        return same or [self.index]

    async def _play_one(self, index: int) -> None:
        exchange = self.exchanges[index]
        if "Upgrade" in ((exchange.get("request") or {}).get("headers") or {}):
            await self._play_socket(index)
            return
        if not playable(exchange):
            return
        await self._prepare(index)
        ours = await self._until(self._send(index))
        self._judge(index, ours)

    async def _play_socket(self, index: int) -> None:
        """Ask for a websocket, say what was said first, and compare the handshake and answer."""
        exchange = self.exchanges[index]
        ticket, port = self.console.get("ticket", ""), self.console.get("port", "")
        target = re.sub(r"port=\d+", f"port={port}", exchange["request"]["path"])
        target = target.replace("<TERMTICKET>", quote(ticket, safe=""))
        lines = exchange["transcript (> sent, < received)"]
        said = [one[2:].replace("<TERMTICKET>", ticket) for one in lines if one.startswith(">")]
        headers = {"upgrade": "websocket", "sec-websocket-protocol": "binary"}
        if exchange["request"]["headers"]["auth"] == "Cookie":
            headers["cookie"] = self._headers({}, self.user)["cookie"]
        elif exchange["request"]["headers"]["auth"]:
            given = "PVEAPIToken=con@pve!tt=<TOKEN_SECRET>"
            headers["authorization"] = self._authorization(given, index)
        answer = await sockets.talk(self.world, Request("GET", target, headers), said)
        recorded = exchange["response"]["status_line_and_headers"].split("\r\n")[0]
        found = answer.split("\r\n")[0]
        differences = [] if found == recorded else [f"{found!r}, recorded {recorded!r}"]
        heard = [one[2:] for one in lines if one.startswith("<")]
        if bool(heard) != ("OK" in answer.partition("\r\n\r\n")[2]):
            differences.append(f"{answer!r}, recorded {heard[:1]!r}")
        self.results.append(
            Result(self.file, index, f"WebSocket {target}"[:120], tuple(differences))
        )

    async def _prepare(self, index: int) -> None:
        """Let happen what happened off the record before an exchange."""
        exchange = self.exchanges[index]
        hook = self.before.get(index)
        if hook:
            made = hook(self)
            if asyncio.iscoroutine(made):
                await made
        await self._adopt(exchange)
        elapsed = (exchange.get("elapsed_ms") or 0) / 1000
        await self.clock.advance(min(elapsed, LONGEST_STEP))
        await self._wait_for_end(exchange)

    async def _play_group(self, group: list[int]) -> None:
        """Send several requests, each at the moment it was sent."""
        await self._prepare(min(group))
        begun = self.clock.now()

        async def later(index: int, seconds: float) -> Response | None:
            await self.clock.sleep(begun + seconds - self.clock.now())
            return await self._send(index)

        numbered = []
        for order, index in enumerate(group):
            found = GROUP.match(self.exchanges[index]["note"])
            numbered.append((float(found[4]) if found else 0.0, order, index))
        # Those sent at one moment are heard in the order in which they were answered.
        sends = [
            (index, asyncio.create_task(later(index, at))) for at, _, index in sorted(numbered)
        ]
        for index, task in sends:
            self._judge(index, await self._until(task))

    async def _until(self, work: Any) -> Any:
        """Push the clock as far as it takes for some work to end."""
        task = asyncio.ensure_future(work)
        for _ in range(5000):
            await settle()
            if task.done():
                return task.result()
            if not await self.clock.step():
                await asyncio.sleep(0)
        task.cancel()
        raise AssertionError("nothing happens any more")

    async def _wait_for_end(self, exchange: Exchange) -> None:
        """Where the client waited for the end of a task, wait too."""
        body = exchange["response"].get("body")
        data = body.get("data") if isinstance(body, dict) else None
        target = unquote(exchange["request"]["path"])
        found = UPID.search(target)
        if not found or not isinstance(data, dict) or data.get("status") != "stopped":
            return
        task = self.world.tasks.get(self.learned.get(found[0], found[0]))
        limit = self.clock.now() + LONGEST_WAIT
        waited = "first status poll" not in (exchange.get("note") or "")
        while waited and task and task.running and self.clock.now() < limit:
            if not await self.clock.step():
                return

    async def _adopt(self, exchange: Exchange) -> None:
        """Begin a task that is polled but whose beginning is not on the record."""
        found = UPID.search(unquote(exchange["request"]["path"]))
        if not found or found[0] in self.learned or found[0].startswith("UPID:pve1:00000000"):
            return
        node, kind, id_, _ = found.groups()
        calls = {
            "vzstart": ("POST", f"/nodes/{node}/lxc/{id_}/status/start"),
            "vzstop": ("POST", f"/nodes/{node}/lxc/{id_}/status/stop"),
            "qmstop": ("POST", f"/nodes/{node}/qemu/{id_}/status/stop"),
            "vzdestroy": ("DELETE", f"/nodes/{node}/lxc/{id_}?purge=1&force=1"),
            "srvreload": ("PUT", f"/nodes/{node}/network"),
        }
        if kind in calls:
            try:
                self.learned[found[0]] = str(await self.call(*calls[kind]))
            except AssertionError as refused:
                self.remarks.append(f"[{self.index}] {refused}")

    async def call(self, method: str, path: str, **form: object) -> Any:
        """Make a call off the record as root and return its data."""
        body = "&".join(
            f"{key.replace('_', '-')}={quote(str(value))}" for key, value in form.items()
        )
        headers = self._headers({}, "root@pam")
        request = Request(method, f"/api2/json{path}", headers, body.encode())
        response = await self._until(app.answer(self.world, request))
        if response.status != 200:
            raise AssertionError(f"{self.file}: {method} {path}: {response.reason}")
        return json.loads(response.body)["data"]

    async def _send(self, index: int) -> Response | None:
        request = self.exchanges[index]["request"]
        target = self._replace(request["path"])
        body = request.get("body")
        content = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
        headers = self._headers(request.get("headers") or {}, self.user, index)
        raw = self.bodies.get(index, self._replace(content).encode())
        given = Request(request["method"], target, headers, raw)
        try:
            return await app.answer(self.world, given)
        except DroppedError:
            return None

    def _replace(self, text: str) -> str:
        """Put our own ids, tickets and digests where the recorded ones are."""
        for recorded, ours in self.learned.items():
            text = text.replace(recorded, ours)
            text = text.replace(quote(recorded, safe=""), quote(ours, safe=""))
        for placeholder in ("%3CTICKET%3E", "<TICKET>"):
            if placeholder in text:
                ticket = quote(login.make_ticket(self.world, self.user), safe="")
                text = text.replace(placeholder, ticket)
        return text

    def _headers(self, recorded: dict[str, str], user: str, index: int = -1) -> dict[str, str]:
        """Return headers with our own ticket, and the secrets of our own tokens."""
        headers = {name.lower(): value for name, value in recorded.items()}
        ticket = quote(login.make_ticket(self.world, user), safe="")
        if not recorded:
            headers["cookie"] = "PVEAuthCookie=<TICKET>"
            headers["csrfpreventiontoken"] = "<CSRF>"
        if headers.get("cookie", "").endswith("=<TICKET>"):
            headers["cookie"] = f"PVEAuthCookie={ticket}"
        if headers.get("csrfpreventiontoken") == "<CSRF>":
            headers["csrfpreventiontoken"] = login.csrf(self.world, user)
        if "authorization" in headers:
            headers["authorization"] = self._authorization(headers["authorization"], index)
        return headers

    def _authorization(self, text: str, index: int) -> str:
        found = re.search(r"PVEAPIToken[= ]([^!=]+)!([^=]+)=", text)
        user = self.world.access.users.get(found[1]) if found else None
        token = user.tokens.get(found[2]) if user and found else None
        secret = self.secrets.get(index, token.secret if token else "unknown")
        return re.sub(r"<(ROOT_)?TOKEN_SECRET>", secret, text)

    def _judge(self, index: int, ours: Response | None) -> None:
        """Compare, and learn what the double calls what the recording calls otherwise."""
        exchange = self.exchanges[index]
        recorded, request = exchange["response"], exchange["request"]
        label = f"{request['method']} {request['path']}"[:120]
        if ours is None:
            status = recorded.get("status")
            differences = [] if not status else [f"no answer, recorded {status}"]
        else:
            body = parse(ours)
            differences = compare.complaints(recorded, ours, body)
            self._learn(recorded.get("body"), body)
            if request["path"].endswith("/termproxy") and ours.status == recorded["status"] == 200:
                self.console = body["data"]
        self.results.append(Result(self.file, index, label, tuple(differences)))

    def _learn(self, recorded: Any, ours: Any) -> None:
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self._learn(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            for theirs, mine in zip(recorded, ours, strict=False):
                self._learn(theirs, mine)
        elif recorded != ours and learnable(recorded) and learnable(ours):
            self.learned.setdefault(recorded, ours)


def learnable(value: Any) -> bool:
    """Whether a value is an id that the double makes up anew."""
    return isinstance(value, str) and bool(LEARNED.fullmatch(value))


def playable(exchange: Exchange) -> bool:
    """Whether this is a request with an answer, and not a remark or a websocket."""
    request, response = exchange.get("request") or {}, exchange.get("response") or {}
    return bool(request.get("method")) and response.get("status") is not None


def parse(response: Response) -> Any:
    """Return the body as the recording has it: parsed, as text, or nothing."""
    if not response.body:
        return None
    try:
        return json.loads(response.body)
    except ValueError:
        return response.body.decode()
