"""What a process of the control plane holds once it is put together."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from stead import migrations
from stead.audit import public as audit
from stead.core import pki
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.durable import Worker
from stead.core.http import Provided
from stead.core.pki import Authority
from stead.core.settings import Settings
from stead.core.vault import Vault, open_vault
from stead.webhooks import public as webhooks

VAULT_KEY: Final = "vault.key"
AUDIT_HEADS: Final = "audit.heads"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every process of the control plane stands on."""

    settings: Settings
    database: Database
    vault: Vault
    authority: Authority
    heads: audit.Heads


@dataclass(frozen=True, slots=True)
class Plant:
    """The whole control plane, assembled and not yet running."""

    ground: Ground
    provided: Provided
    worker: Worker
    # What else runs as long as the worker does.
    company: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()


async def lay_ground(settings: Settings) -> Ground:
    """Open the vault, the CA, and the database, which it brings to the current schema."""
    folder = settings.server.data_dir
    vault, authority = open_vault(folder / VAULT_KEY), pki.load(folder)
    database = Database(settings.server.database_url, Bus())
    await migrations.upgrade(database)
    heads = audit.Heads(folder / AUDIT_HEADS, settings.audit.syslog)
    audit.attach(database, heads)
    webhooks.attach(database, settings.server.console_url)
    return Ground(settings, database, vault, authority, heads)
