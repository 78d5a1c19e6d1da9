"""``stead token``, ``session``, ``person`` and oneself: credentials and who has them."""

import json
from typing import Annotated

import typer

from stead.entrypoints.client import Client
from stead.entrypoints.listing import listing
from stead.entrypoints.terminal import Json, Yes, client, pick, say, secret, sure

token = typer.Typer(no_args_is_help=True, help="API tokens of your own.")
session = typer.Typer(no_args_is_help=True, help="Browsers that are signed in as you.")
person = typer.Typer(no_args_is_help=True, help="People on the platform, for its admins.")
factor = typer.Typer(no_args_is_help=True, help="Your second factor.")


@token.command("list")
@listing("id", "name", "prefix", "scopes", "last_used_at", "expires_at", "suspended_at")
def list_tokens() -> str:
    """List your tokens."""
    return "/api/v1/tokens"


@token.command("create")
def create_token(
    name: str,
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, deploy, admin, or an action; repeatable.")
    ] = None,
    project: Annotated[str, typer.Option(help="Only in this project.")] = "",
    days: Annotated[int | None, typer.Option(help="How long it works.")] = None,
) -> None:
    """Print a new token; it is shown only this once."""
    body = {"name": name, "scopes": scope or ["deploy"], "days": days}
    made = client().post("/api/v1/tokens", body | ({"project": project} if project else {}))
    say(made["token"])


@token.command("allow")
def allow_token(token_id: Annotated[str, typer.Argument(help="Its id or name.")]) -> None:
    """Let a token in again that has been suspended since a restore."""
    api = client()
    found = pick(api.rows("/api/v1/tokens"), token_id, "token")
    api.post(f"/api/v1/tokens/{found['id']}/allow")


@token.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(help="Its id or name.")]) -> None:
    """End a token at once."""
    api = client()
    found = pick(api.rows("/api/v1/tokens"), token_id, "token")
    api.delete(f"/api/v1/tokens/{found['id']}")
    say(f"{found['name']} no longer works")


@session.command("list")
@listing("id", "address", "seen_at", "expires_at", "browser")
def list_sessions() -> str:
    """List the browsers that are signed in as you."""
    return "/api/v1/sessions"


@session.command("end")
def end_session(session_id: str) -> None:
    """Sign one browser out."""
    client().delete(f"/api/v1/sessions/{session_id}")
    say("That browser is signed out")


@session.command("end-all")
def end_sessions(*, yes: Yes = False) -> None:
    """Sign all your browsers out."""
    sure("Sign all your browsers out?", yes=yes)
    client().delete("/api/v1/sessions")
    say("All browsers are signed out")


@person.command("list")
@listing("name", "admin", "auditor", "has_password", "second_factor", "disabled")
def list_people() -> str:
    """List everybody who has an account."""
    return "/api/v1/people"


@person.command("create")
def create_person(name: str) -> None:
    """Make an account and print the link that sets its password."""
    say(client().post("/api/v1/people", {"name": name})["link"])


@person.command("reset-link")
def reset_link(
    name: str,
    *,
    drop_second_factor: Annotated[
        bool, typer.Option(help="The link also switches the second factor off.")
    ] = False,
) -> None:
    """Print a link that sets a new password, once, within a day."""
    api = client()
    body = {"drop_second_factor": drop_second_factor}
    say(api.post(f"{_person(api, name)}/reset-link", body)["link"])


@person.command("role")
def set_platform_roles(
    name: str,
    *,
    admin: Annotated[bool | None, typer.Option(help="May set everything up.")] = None,
    auditor: Annotated[bool | None, typer.Option(help="May look at everything.")] = None,
) -> None:
    """Make somebody a platform admin or auditor, or no longer."""
    api = client()
    api.patch(_person(api, name), {"admin": admin, "auditor": auditor})
    say(f"The roles of {name} are set")


@person.command("disable")
def disable_person(name: str, *, yes: Yes = False) -> None:
    """Shut somebody out at once: sessions, links and tokens end."""
    sure(f"Disable {name}?", yes=yes)
    api = client()
    api.post(f"{_person(api, name)}/disable")
    say(f"{name} is shut out")


@person.command("enable")
def enable_person(name: str) -> None:
    """Let somebody in again, and forget their failed attempts."""
    api = client()
    api.post(f"{_person(api, name)}/enable")
    say(f"{name} may sign in again")


def whoami(*, as_json: Json = False) -> None:
    """Show who you are, and what your token leaves of your powers."""
    me = client().get("/api/v1/me")
    if as_json:
        say(json.dumps(me, indent=2))
        return
    roles = [name for name in ("admin", "auditor") if me[name]]
    say(me["name"] + (f"  platform {' and '.join(roles)}" if roles else ""))
    say(f"  second factor  {'on' if me['second_factor'] else 'off'}")
    if me["scopes"] is not None:
        say(f"  this token may  {', '.join(me['scopes'])}")
    for project in me["projects"]:
        say(f"  {project['name']}  {project['role']}")


def password() -> None:
    """Set a new password; browsers that are signed in are signed out."""
    api = client()
    current = secret("Current password") if api.get("/api/v1/me")["has_password"] else ""
    api.put("/api/v1/me/password", {"current": current, "password": secret("New password")})
    say("Your password is changed")


@factor.command("begin")
def begin_second_factor() -> None:
    """Print what an authenticator app needs; `confirm` switches it on."""
    begun = client().post("/api/v1/me/second-factor")
    say(f"{begun['uri']}\n\nKey: {begun['secret']}")


@factor.command("confirm")
def confirm_second_factor(code: str) -> None:
    """Switch it on with a code of the app; prints recovery codes, only this once."""
    body = {"code": code, "password": secret("Password")}
    _say_codes(client().put("/api/v1/me/second-factor", body)["codes"])


@factor.command("codes")
def renew_recovery_codes() -> None:
    """Replace the recovery codes."""
    body = {"password": secret("Password")}
    _say_codes(client().post("/api/v1/me/second-factor/codes", body)["codes"])


@factor.command("off")
def switch_second_factor_off() -> None:
    """Ask for the password alone from now on."""
    client().post("/api/v1/me/second-factor/off", {"password": secret("Password")})
    say("The second factor is off")


def _person(api: Client, name: str) -> str:
    return f"/api/v1/people/{pick(api.rows('/api/v1/people'), name, 'person')['id']}"


def _say_codes(codes: list[str]) -> None:
    for code in codes:
        say(code)
