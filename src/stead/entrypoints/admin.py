"""Verbs that run on the machine itself: edge, and admin for what has no API."""

import os
import shutil
from pathlib import Path
from typing import Annotated, Final

import typer

from stead.core import epoch, files, log, pki, vault
from stead.edge import loop as edge_loop
from stead.entrypoints import carrying_check, config, copies, explaining, scorecards, verifying
from stead.entrypoints.local import (
    fail as _fail,
    run as _run,
    say as _say,
    settings as _settings,
    with_ground as _with_ground,
)
from stead.entrypoints.plant import VAULT_KEY, Ground
from stead.exposure import public as exposure
from stead.identity import public as identity
from stead.infra import public as infra
from stead.kit import ids

ADMIN: Final = "admin"
PROJECT: Final = "main"
LOCAL_EDGE: Final = "local"


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
admin_commands = typer.Typer(no_args_is_help=True, help="Set up and look after this server.")
app.add_typer(admin_commands, name="admin")
copies.add_to(admin_commands)
scorecards.add_to(admin_commands)
explaining.add_to(admin_commands)
carrying_check.add_to(admin_commands)
admin_commands.add_typer(verifying.commands, name="audit")


@app.command("edge")
def edge(
    *,
    stop: Annotated[
        bool, typer.Option("--stop", help="Only end the proxies that a killed edge left.")
    ] = False,
) -> None:
    """Run the proxy on this host: pull routes, serve them, report."""
    chosen = _settings()
    log.configure(json=chosen.server.json_logs)
    _run(edge_loop.stop(chosen.edge) if stop else edge_loop.run(chosen.edge))


@admin_commands.command()
def init(
    owner: Annotated[
        str, typer.Option(help="Unix user that will run the server; the files become theirs.")
    ] = "",
    edge_group: Annotated[
        str, typer.Option(help="Unix group that may read the edge's token.")
    ] = "",
) -> None:
    """Create database, keys, CA, the first person and project; safe to repeat."""
    chosen = _settings()
    folder = chosen.server.data_dir
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    vault.ensure_key(folder / VAULT_KEY)
    pki.ensure_root(folder, chosen.server.domain, chosen.network.range)
    token_file = chosen.edge.token_file
    if not token_file.exists():
        files.write_private(token_file, ids.new_token("edg").encode())
    _run(_with_ground(chosen, _populate, verb="init"))
    if owner:
        _hand_over(folder, owner)
    if edge_group:
        shutil.chown(token_file, group=edge_group)
        token_file.chmod(0o640)
    _say(f"Ready in {folder}")


@admin_commands.command("sign-in-link")
def sign_in_link(user: str = ADMIN) -> None:
    """Print a link that signs a person in to the console, once, within an hour."""
    chosen = _settings()

    async def make(ground: Ground) -> str:
        async with ground.database.write() as uow:
            return await identity.issue_link(uow, await _user_id(ground, user))

    token = _run(_with_ground(chosen, make, verb="sign_in_link"))
    _say(f"{chosen.server.console_url}/sign-in/{token}")


@admin_commands.command("reset-link")
def reset_link(
    user: str = ADMIN,
    *,
    drop_second_factor: Annotated[
        bool, typer.Option(help="The link also switches the second factor off.")
    ] = False,
) -> None:
    """Print a link that sets a person's password, once, within a day."""
    chosen = _settings()

    async def make(ground: Ground) -> str:
        user_id = await _user_id(ground, user)
        async with ground.database.write() as uow:
            return await identity.reset_token(uow, user_id, drop_second_factor=drop_second_factor)

    token = _run(_with_ground(chosen, make, verb="reset_link"))
    _say(f"{chosen.server.console_url}/reset/{token}")


@admin_commands.command("cli-login")
def cli_login(user: str = ADMIN) -> None:
    """Let the command line of this Unix account act as a person."""
    chosen = _settings()
    url = chosen.server.console_url
    name = config.name_for(url)
    known = config.load().logins.get(name)
    held = known.token if known is not None and known.url == url else ""

    async def make(ground: Ground) -> str:
        user_id = await _user_id(ground, user)
        async with ground.database.write() as uow:
            # One that was revoked, expired or suspended by a restore is of no use any more.
            if held and await identity.find_actor_by_token(uow, held) is not None:
                return held
            return await identity.issue_for(uow, user_id, f"CLI on {os.uname().nodename}")

    ca = chosen.server.data_dir / "ca.pem"
    token = _run(_with_ground(chosen, make, verb="cli_login"))
    if token == held:
        config.use(name)
        _say(f"The command line is signed in to {url} already")
        return
    path = config.save(name, config.Login(url, token, ca.read_text()))
    _say(f"The command line is signed in to {url} ({path})")


@admin_commands.command()
def ca() -> None:
    """Print where the certificate lies that clients have to trust."""
    _say(str(_settings().server.data_dir / "ca.pem"))


async def _populate(ground: Ground) -> None:
    chosen = ground.settings
    token = chosen.edge.token_file.read_text().strip()
    async with ground.database.write() as uow:
        await epoch.ensure(uow)
        await identity.ensure_admin(uow, ADMIN, PROJECT)
        await infra.ensure_local_cluster(uow, chosen.engine.kind)
        await exposure.ensure_edge(uow, LOCAL_EDGE, token)
        await exposure.ensure_console_route(
            uow,
            ground.vault,
            ground.authority,
            chosen.server.console_name,
            chosen.server.console_port,
        )


async def _user_id(ground: Ground, name: str) -> str:
    async with ground.database.read() as uow:
        found = await identity.find_user_id(uow, name)
    if found is None:
        _fail(f"There is nobody named {name}")
    return found


def _hand_over(folder: Path, owner: str) -> None:
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user=owner, group=owner)


def main() -> None:
    """Run one of these verbs."""
    app()
