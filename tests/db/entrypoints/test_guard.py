"""In front of every request: who asks, from where, and how much they send."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.factories.platform import ORIGIN, Platform

from stead.core.authz import Actor, Role
from stead.entrypoints import guard
from stead.entrypoints.guard import BodyLimit
from stead.identity.public import COOKIE

WRITE = ("POST", "/api/v1/tokens")
BODY = {"name": "made by a test"}


@pytest.fixture
async def ada(platform: Platform) -> Actor:
    return await platform.person("Ada", **{await platform.project("main"): Role.OWNER})


@pytest.fixture
async def session(platform: Platform, ada: Actor) -> str:
    return await platform.session(ada)


async def status(platform: Platform, method: str, path: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with platform.api(**named) as api:
        body = BODY if method == "POST" else None
        return (await api.request(method, path, json=body)).status_code


async def test_a_cookie_reads_from_anywhere_and_writes_from_the_console_only(
    platform: Platform, session: str
):
    cookie = f"{COOKIE}={session}"
    assert await status(platform, "GET", "/api/v1/me", Cookie=cookie) == 200
    assert await status(platform, *WRITE, Cookie=cookie, Origin=ORIGIN) == 201
    same = {"Origin": ORIGIN, "Sec_Fetch_Site": "same-origin"}
    assert await status(platform, *WRITE, Cookie=cookie, **same) == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.test"},
        {"Origin": "https://shop.apps.stead.localhost"},
        {"Origin": "http://console.stead.localhost"},
        {"Origin": ORIGIN + ":8443"},
        {"Origin": ORIGIN, "Sec_Fetch_Site": "same-site"},
        {"Origin": ORIGIN, "Sec_Fetch_Site": "cross-site"},
    ],
)
async def test_a_write_from_elsewhere_is_refused_in_spite_of_the_cookie(
    platform: Platform, session: str, headers: dict[str, str]
):
    assert await status(platform, *WRITE, Cookie=f"{COOKIE}={session}", **headers) == 403


READS = ["/api/v1/me", "/api/v1/operations", "/api/openapi.json"]
PAGE = {"Accept": "text/html", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize("site", ["same-site", "cross-site", "of-tomorrow"])
async def test_a_page_from_elsewhere_reads_nothing_with_the_cookie(
    platform: Platform, session: str, site: str
):
    cookie = {"Cookie": f"{COOKIE}={session}", "Sec_Fetch_Site": site}
    stream = {"Accept": "text/event-stream", "Sec_Fetch_Mode": "cors"}
    for path in READS:
        assert await status(platform, "GET", path, **cookie, Sec_Fetch_Mode="cors") == 403, path
        assert await status(platform, "GET", path, **cookie, **PAGE) == 403, path
    for path in ("/", "/operations/x/events"):
        for mode in (stream, {"Sec_Fetch_Mode": "no-cors"}, {}):
            assert await status(platform, "GET", path, **cookie, **mode) == 403, (path, mode)


@pytest.mark.parametrize("site", ["same-site", "cross-site", "none", "same-origin"])
async def test_a_link_from_anywhere_opens_a_page(platform: Platform, session: str, site: str):
    cookie = {"Cookie": f"{COOKIE}={session}", "Sec_Fetch_Site": site}
    assert await status(platform, "GET", "/catalog", **cookie, **PAGE) == 200


async def test_the_consoles_own_pages_and_the_address_bar_read(platform: Platform, session: str):
    for site in ("same-origin", "none"):
        cookie = {"Cookie": f"{COOKIE}={session}", "Sec_Fetch_Site": site}
        for path in READS:
            assert await status(platform, "GET", path, **cookie, Sec_Fetch_Mode="cors") == 200


async def test_a_token_reads_whatever_a_browser_says_of_its_page(platform: Platform, ada: Actor):
    bearer = f"Bearer {await platform.token(ada)}"
    named = {"Authorization": bearer, "Sec_Fetch_Site": "cross-site"}
    assert await status(platform, "GET", "/api/v1/me", **named) == 200


@pytest.mark.parametrize("which", ["control", "agents"])
async def test_a_socket_is_refused_before_anything_is_served(platform: Platform, which: str):
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    for path in ("/", "/api/v1/operations", "/things"):
        scope = {"type": "websocket", "path": path, "headers": [], "query_string": b""}
        await getattr(platform, which)(scope | {"subprotocols": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}] * 3


async def test_a_token_writes_without_an_origin(platform: Platform, ada: Actor):
    token = await platform.token(ada)
    assert await status(platform, *WRITE, Authorization=f"Bearer {token}") == 201


async def test_a_wrong_token_is_not_helped_by_a_cookie(platform: Platform, session: str):
    cookie = f"{COOKIE}={session}"
    wrong = {"Authorization": "Bearer stt_wrong", "Cookie": cookie}
    assert await status(platform, "GET", "/api/v1/me", **wrong) == 401


async def test_a_broken_cookie_is_no_session(platform: Platform):
    broken = ["", COOKIE, f"{COOKIE}=", f"{COOKIE}=wrong", "=", ";;;", '"', f"{COOKIE}=\xff"]
    async with platform.api() as api:
        for cookie in (*broken, "a" * 9000):
            answer = await api.get("/api/v1/me", headers=[(b"cookie", cookie.encode("latin-1"))])
            assert answer.status_code == 401, cookie


async def test_cookies_that_apps_on_the_same_site_set_do_not_sign_out(
    platform: Platform, session: str
):
    async with platform.api() as api:
        for other in ('{"bad": 1}', "a b=c", '"', "=x", 'a="b', "\xe9=1", "x@y=1", "$Version=1"):
            cookie = f"{other}; {COOKIE}={session}; {other}".encode("latin-1")
            answer = await api.get("/api/v1/me", headers=[(b"cookie", cookie)])
            assert answer.status_code == 200, other


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536 + 1):
        yield b"x" * 65536


async def test_an_announced_body_that_is_too_large_is_refused_unread(
    platform: Platform, ada: Actor
):
    async with platform.api(await platform.token(ada)) as api:
        answer = await api.post("/api/v1/tokens", content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def test_a_body_that_was_not_announced_is_refused_when_it_gets_too_large(
    platform: Platform, ada: Actor
):
    async with platform.api(await platform.token(ada)) as api:
        for path in ("/api/v1/tokens", "/api/v1/deployments"):
            answer = await api.post(path, content=chunks(2 * 1024 * 1024))
            assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def test_guests_may_send_more_but_not_without_end(platform: Platform):
    async with platform.agent() as api:
        fits = await api.post("/agent/v1/jobs/claim", content=chunks(2 * 1024 * 1024))
        large = await api.post("/agent/v1/jobs/claim", content=chunks(5 * 1024 * 1024))
    assert (fits.status_code, large.status_code) == (401, 413)


async def test_a_length_that_is_no_number_is_refused(platform: Platform):
    async with platform.api() as api:
        for length in (b"\xb2", b"-1", b"1e9", b"9" * 30, b"9" * 5000, b""):
            answer = await api.post("/api/v1/tokens", headers=[(b"content-length", length)])
            assert answer.status_code == 413, length


async def test_a_body_as_large_as_the_limit_passes():
    async def app(scope: object, receive: object, send: object) -> None:
        del scope
        taken = 0
        while True:
            message = await receive()
            taken += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(taken).encode()})

    transport = httpx.ASGITransport(BodyLimit(app, 10))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        assert (await http.post("/", content=b"x" * 10)).text == "10"
        assert (await http.post("/", content=b"x" * 11)).status_code == 413


async def test_an_address_that_guesses_tokens_has_to_wait(platform: Platform, ada: Actor):
    token = await platform.token(ada)
    async with platform.api("stt_wrong") as api:
        answers = [await api.get("/api/v1/me") for _ in range(guard.WRONG_BURST + 3)]
    assert {one.status_code for one in answers[: guard.WRONG_BURST]} == {401}
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "request.too_often"
    assert int(answers[-1].headers["retry-after"]) >= 1
    wrong = {"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer stt_wrong"}
    assert await status(platform, "GET", "/api/v1/me", **wrong) == 401
    # Whoever shares the address and is right does not pay for it.
    right = f"Bearer {token}"
    assert await status(platform, "GET", "/api/v1/me", Authorization=right) == 200


async def test_a_person_who_asks_without_end_has_to_wait(
    platform: Platform, ada: Actor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(guard, "ASKED_BURST", 5)
    monkeypatch.setattr(guard, "ASKED_PER_SECOND", 0.01)
    eve = await platform.person("Eve")
    async with platform.api(await platform.token(ada)) as api:
        statuses = [(await api.get("/api/v1/me")).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    # Another token of the same person is the same person; another person is not.
    for person, expected in ((ada, 429), (eve, 200)):
        bearer = f"Bearer {await platform.token(person)}"
        assert await status(platform, "GET", "/api/v1/me", Authorization=bearer) == expected
