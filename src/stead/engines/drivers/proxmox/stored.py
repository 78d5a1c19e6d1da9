"""Backups that stay on Proxmox's own storages: dumped, listed, restored as new guests, deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime

from stead.engines import errors, limits
from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import Param, number, rows
from stead.engines.drivers.proxmox.engine import DONE, accepted
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part, task
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.values import EngineTask, GuestSpec


@dataclass(frozen=True, slots=True)
class StoredBackup:
    """One backup on a storage of the cluster."""

    volume: str
    node: str
    size_bytes: int
    made_at: str


class StoredBackupCalls(Part):
    """Backups of guests within the cluster."""

    async def store_backup(self, name: str, storage: str) -> EngineTask:
        """Dump a guest, running or not. Not idempotent: each call makes one more."""

        async def act(found: Found) -> Upid | None:
            form: dict[str, Param] = {
                "vmid": found.vmid,
                "storage": storage,
                "mode": "snapshot",
                "compress": "zstd",
                "remove": False,
            }
            answer = await self.engine.client.call(
                calls.VZDUMP, "back a guest up", form, node=found.node
            )
            return accepted(answer)

        return task(await self.change(name, act))

    async def list_stored_backups(self, name: str, storage: str) -> tuple[StoredBackup, ...]:
        """Return a guest's backups on a storage, oldest first."""
        found = await self.engine.directory.get(name)
        answer = await self.engine.client.call(
            calls.STORAGE_CONTENT,
            "list its backups",
            {"content": "backup", "vmid": found.vmid},
            node=found.node,
            storage=storage,
        )
        kept = [
            StoredBackup(
                volume=str(row.get("volid")),
                node=found.node,
                size_bytes=number(row.get("size")),
                made_at=datetime.fromtimestamp(number(row.get("ctime")), UTC).isoformat(),
            )
            for row in rows(answer)
        ]
        return tuple(sorted(kept, key=lambda backup: (backup.made_at, backup.volume)))

    async def restore_stored_backup(self, spec: GuestSpec, backup: StoredBackup) -> EngineTask:
        """Create a stopped guest from a backup; all but the disk is the spec's, as in a clone."""
        limits.check_spec(spec)
        volume = _backup_volume(backup)
        if f"-{BY_KIND[spec.kind].native}-" not in volume:
            raise errors.InvalidError(f"{volume} is no backup of a {spec.kind}")
        return await self.maker.restore(spec, backup.node, volume)

    async def delete_stored_backup(self, backup: StoredBackup) -> EngineTask:
        """Delete a backup; one that is absent is done."""
        try:
            answer = await self.engine.client.call(
                calls.VOLUME_DELETE,
                "delete a backup",
                node=backup.node,
                storage=backup.volume.partition(":")[0],
                volume=_backup_volume(backup),
            )
        except errors.NotFoundError:
            return DONE
        return task(accepted(answer)) if answer else DONE


def _backup_volume(backup: StoredBackup) -> str:
    """Return the volume, if it is a backup: Proxmox would as well delete a running disk."""
    if ":backup/" not in backup.volume:
        raise errors.InvalidError(f"{backup.volume} is no backup")
    return backup.volume
