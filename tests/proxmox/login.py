"""Who calls: tickets with their CSRF tokens, API tokens, and the daemons behind both."""

import base64
import hashlib
import hmac
import re
import secrets
from urllib.parse import unquote

from tests.proxmox.call import Identity, RefusedError
from tests.proxmox.wire import Request
from tests.proxmox.world import World

TICKET_SECONDS = 7200
VNC_SECONDS = 40
KEY = secrets.token_bytes(32)


def sign(text: str) -> str:
    return base64.b64encode(hmac.digest(KEY, text.encode(), hashlib.sha256)).decode().rstrip("=")


def make_ticket(world: World, who: str, kind: str = "PVE", about: str = "") -> str:
    """Return a signed ticket; one for a console is good for one path only."""
    plain = (
        f"{kind}:{who}:{int(world.clock.now()):08X}"
        if kind == "PVE"
        else f"{kind}:{int(world.clock.now()):08X}"
    )
    return f"{plain}::{sign(f'{plain}{about}')}"


def ticket_user(world: World, ticket: str) -> str:
    """Return whose ticket this is; empty when it is forged, old or half."""
    plain, _, signature = ticket.rpartition("::")
    parts = plain.split(":")
    if not plain.startswith("PVE:") or not hmac.compare_digest(sign(plain), signature):
        return ""
    user = ":".join(parts[1:-1])
    age = world.clock.now() - int(parts[-1], 16)
    usable = user in world.access.users and alive(world, user)
    return user if usable and not user.startswith("!") and -300 < age < TICKET_SECONDS else ""


def console_ticket_valid(world: World, ticket: str, about: str) -> bool:
    """Whether a console ticket was given for this use a moment ago."""
    plain, _, signature = ticket.rpartition("::")
    if not plain.startswith("PVEVNC:") or not hmac.compare_digest(sign(plain + about), signature):
        return False
    return world.clock.now() - int(plain.split(":")[1], 16) < VNC_SECONDS


def csrf(world: World, user: str) -> str:
    stamp = f"{int(world.clock.now()):08X}"
    return f"{stamp}:{sign(f'csrf:{stamp}:{user}')}"


def csrf_valid(given: str, user: str) -> bool:
    stamp, _, signature = given.partition(":")
    return hmac.compare_digest(sign(f"csrf:{stamp}:{user}"), signature)


def alive(world: World, user: str) -> bool:
    """Whether an account is enabled and not expired."""
    found = world.access.users[user]
    return bool(found.enable) and (not found.expire or found.expire > world.clock.now())


def identify(world: World, request: Request) -> Identity:
    """Return who calls. Raises RefusedError with the reason of the real one."""
    token = re.match(r"PVEAPIToken[= ](.*)", request.headers.get("authorization", ""))
    if token:
        return by_token(world, token[1])
    ticket = cookie(request.headers.get("cookie", ""))
    if not ticket:
        raise unauthenticated("No ticket")
    user = ticket_user(world, ticket)
    if not user:
        raise unauthenticated("permission denied - invalid PVE ticket")
    if request.method != "GET" and not csrf_valid(
        request.headers.get("csrfpreventiontoken", ""), user
    ):
        raise unauthenticated("Permission denied - invalid csrf token")
    return Identity(user, ticket=True)


def cookie(header: str) -> str:
    """Return the ticket in the cookies, written raw or percent-encoded."""
    found = re.search(r"(?:^|;\s*)PVEAuthCookie=([^;]*)", header)
    return unquote(found[1]) if found else ""


def by_token(world: World, given: str) -> Identity:
    """Return the identity of an API token."""
    name, _, secret = given.partition("=")
    if not re.fullmatch(r"[^\s:/@]+@[A-Za-z][\w.\-]+![A-Za-z][\w.\-]+", name):
        split = "not able to split into user and token parts"
        raise unauthenticated(f"'{name}' is not a valid token ID - {split}")
    user, _, token = name.partition("!")
    if user not in world.access.users:
        raise unauthenticated(f"no such user ('{user}')")
    found = world.access.users[user].tokens.get(token)
    if found is None:
        raise unauthenticated(f"no such token '{token}' for user '{user}'")
    if not alive(world, user):
        raise unauthenticated(f"user '{user}' is disabled or expired")
    if found.expire and found.expire <= world.clock.now():
        raise unauthenticated("token 'expired' is expired")
    if not hmac.compare_digest(found.secret, secret):
        raise unauthenticated("invalid token value!")
    return Identity(name, ticket=False)


def unauthenticated(reason: str) -> RefusedError:
    return RefusedError(401, reason, bare=True)


async def reachable(world: World) -> None:
    """Refuse everything while the cluster file system is down."""
    if world.down == "pmxcfs":
        await world.clock.sleep(3)
        failed = "Unable to load access control list: Connection refused"
        reason = f"RPCEnvironment init request failed: {failed}"
        raise RefusedError(500, reason, bare=True)


async def daemon(world: World) -> None:
    """Refuse what the privileged daemon does while it is down or frozen."""
    if world.down == "pvedaemon":
        raise RefusedError(595, "Connection refused", bare=True)
    if world.down == "frozen":
        await world.clock.sleep(world.settings.proxy_timeout)
        raise RefusedError(596, "Connection timed out", bare=True)
