"""``stead admin backup``, ``restore`` and ``rotate-key``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from stead import migrations
from stead.audit import public as audit
from stead.core import vault
from stead.core.bus import Bus
from stead.core.db import Database, Uow
from stead.core.settings import Settings
from stead.entrypoints.local import fail, local_deed, run, say, settings, with_ground
from stead.entrypoints.lock import only_one
from stead.entrypoints.plant import AUDIT_HEADS, VAULT_KEY, Ground
from stead.exposure import public as exposure
from stead.platform import public as platform

LOCAL_EDGE = "local"


def add_to(commands: typer.Typer) -> None:
    """Add the verbs to the admin's."""
    commands.command("backup")(backup)
    commands.command("restore")(restore)
    commands.command("rotate-key")(rotate_key)


def backup(
    to: Annotated[
        Path | None, typer.Argument(help="A file, or a folder; the data folder's copies/ if none.")
    ] = None,
    *,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make a new recovery key for this and later copies.")
    ] = False,
) -> None:
    """Take a copy of the whole platform while it runs."""
    chosen = settings()
    folder = chosen.server.data_dir
    if not folder.is_dir():
        fail(f"{folder} is missing; run: stead admin init")
    keeper = None if new_key else platform.load(folder)
    if keeper is None:
        keeper = _make_key(folder)
    target = to if to is not None else folder / "copies"
    if to is None:
        target.mkdir(mode=0o700, exist_ok=True)
    if target.is_file() or not target.parent.is_dir():
        fail(f"{target} is there already, or its folder is not")
    taken = run(_take(chosen, keeper, target))
    say(f"{taken.path}: {taken.rows} rows, {taken.size} bytes")


def restore(
    copy: Annotated[Path, typer.Argument(help="The file that stead admin backup made.")],
    *,
    recovery_key: Annotated[
        Path | None,
        typer.Option(help="A file with the recovery key; - reads it from standard input."),
    ] = None,
    replace_other: Annotated[
        bool, typer.Option("--replace-other", help="Replace a different platform that is here.")
    ] = False,
) -> None:
    """Replace this platform by a copy; nothing resumes until a person has decided."""
    chosen = settings()
    if not copy.is_file():
        fail(f"{copy} is not there")
    done = run(_restore(chosen, copy, recovery_key, replace_other=replace_other))
    say(f"Restored to {done.taken_at:%Y-%m-%d %H:%M:%S} UTC: {done.rows} rows, epoch {done.epoch}")
    say(f"What was here before is in {done.aside}")
    say(f"{done.interrupted} operations were open; they wait for your decision")
    say("Everybody has to sign in again.")
    say(f"{done.suspended} API tokens are suspended until their owners allow them again,")
    say("for some may have been revoked since then.")


def rotate_key() -> None:
    """Replace the key that encrypts stored secrets; again goes on where it was stopped."""
    chosen = settings()
    folder = chosen.server.data_dir
    if not (folder / VAULT_KEY).is_file():
        fail(f"{folder / VAULT_KEY} is missing; run: stead admin init")

    async def rotate(ground: Ground) -> int:
        return await vault.rotate(ground.database, folder / VAULT_KEY)

    async def alone() -> int:
        # A server would go on encrypting with the key that it was started with.
        with only_one(folder / "serve.lock"):
            return await with_ground(chosen, rotate, verb="rotate-key")

    say(f"{run(alone())} secrets are encrypted with a new key")
    say("Older copies open with their recovery key; take a new one with: stead admin backup")


async def _take(chosen: Settings, keeper: platform.Keeper, target: Path) -> platform.Taken:
    database = Database(chosen.server.database_url, Bus())
    try:
        return await platform.take(database, _place(chosen), keeper, target)
    finally:
        await database.close()


async def _restore(
    chosen: Settings, copy: Path, key_file: Path | None, *, replace_other: bool
) -> platform.Restored:
    key = platform.parse(_read(key_file)) if key_file is not None else None
    folder = chosen.server.data_dir
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)

    async def let_the_edge_in(uow: Uow, _header: object) -> None:
        token = chosen.edge.token_file
        if token.exists():
            await exposure.ensure_edge(uow, LOCAL_EDGE, token.read_text().strip())

    async def record(uow: Uow, header: platform.Header) -> None:
        deed = local_deed("admin.restore", f"copy:{header.name}")
        heads = audit.Heads(folder / AUDIT_HEADS, chosen.audit.syslog)
        await audit.append(uow, heads, deed)

    wish = platform.Wish(copy, key, replace_other, (let_the_edge_in, record))
    schema = platform.Schema(migrations.knows, migrations.upgrade_to)
    with only_one(folder / "serve.lock"):
        return await platform.restore(_place(chosen), chosen.server.database_url, schema, wish)


def _make_key(folder: Path) -> platform.Keeper:
    key = platform.new_key()
    say("This is the recovery key. Keep it away from this machine: without it, nobody can")
    say("restore the secrets of this copy and of those to come. It is shown only once.")
    say(f"\n  {key.text.reveal()}\n")
    sys.stdout.flush()
    platform.save(folder, key.keeper)
    return key.keeper


def _read(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.readline()
    if not path.is_file():
        fail(f"{path} is not there")
    return path.read_text(encoding="utf-8", errors="replace")


def _place(chosen: Settings) -> platform.Place:
    return platform.Place(chosen.server.data_dir, chosen.server.domain, chosen.edge.token_file)
