"""What a process of the control plane holds once it is put together."""

from dataclasses import dataclass
from typing import Final

from stead import migrations
from stead.core import pki
from stead.core.bus import Bus
from stead.core.db import Database
from stead.core.durable import Worker
from stead.core.http import Provided
from stead.core.pki import Authority
from stead.core.settings import Settings
from stead.core.vault import Vault, open_vault

VAULT_KEY: Final = "vault.key"


@dataclass(frozen=True, slots=True)
class Ground:
    """What every process of the control plane stands on."""

    settings: Settings
    database: Database
    vault: Vault
    authority: Authority


@dataclass(frozen=True, slots=True)
class Plant:
    """The whole control plane, assembled and not yet running."""

    ground: Ground
    provided: Provided
    worker: Worker


async def lay_ground(settings: Settings) -> Ground:
    """Open the database (bringing it to the current schema), the vault and the CA."""
    folder = settings.server.data_dir
    database = Database(settings.server.database_url, Bus())
    await migrations.upgrade(database)
    return Ground(settings, database, open_vault(folder / VAULT_KEY), pki.load(folder))
