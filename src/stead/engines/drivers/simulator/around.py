"""What is done with whole simulated guests: snapshots, sizes, clones, images, backups."""

import json
import zlib
from collections.abc import AsyncIterator
from typing import Final

from stead.engines import errors, limits
from stead.engines.capabilities import Ability
from stead.engines.drivers.simulator import records
from stead.engines.drivers.simulator.calls import DONE, check_names
from stead.engines.drivers.simulator.lifecycle import Lifecycle
from stead.engines.values import EngineTask, GuestSize, GuestSpec, Image, Snapshot

BACKUP: Final = b"stead-simulated-backup\n"


class Around(Lifecycle):
    """Snapshots, sizes, clones, images, backups."""

    async def create_snapshot(self, name: str, snapshot: str) -> EngineTask:
        check_names(snapshot)
        async with self._call("create_snapshot", name, Ability.SNAPSHOTS) as fault:
            guest = self._guest(name)
            if (task := self._same_snapshot(name, "snapshot", snapshot)) is not None:
                return task
            if snapshot in (guest.snapshots or {}):
                return DONE
            self._idle(name)
            return self._accept("snapshot", name, fault, {"snapshot": snapshot})

    async def list_snapshots(self, name: str) -> tuple[Snapshot, ...]:
        async with self._call("list_snapshots", name, Ability.SNAPSHOTS):
            kept = self._guest(name).snapshots or {}
            return tuple(Snapshot(each, f"{one.moment:.3f}") for each, one in kept.items())

    async def restore_snapshot(self, name: str, snapshot: str) -> EngineTask:
        async with self._call("restore_snapshot", name, Ability.SNAPSHOTS) as fault:
            if (task := self._same_snapshot(name, "restore", snapshot)) is not None:
                return task
            guest = self._idle(name, running=False)
            if snapshot not in (guest.snapshots or {}):
                raise errors.NotFoundError(f"{name} has no snapshot {snapshot}")
            return self._accept("restore", name, fault, {"snapshot": snapshot})

    async def delete_snapshot(self, name: str, snapshot: str) -> EngineTask:
        async with self._call("delete_snapshot", name, Ability.SNAPSHOTS) as fault:
            if name not in self._world.guests:
                return DONE
            if (task := self._same_snapshot(name, "forget", snapshot)) is not None:
                return task
            if snapshot not in (self._idle(name).snapshots or {}):
                return DONE
            return self._accept("forget", name, fault, {"snapshot": snapshot})

    async def resize(self, name: str, size: GuestSize) -> EngineTask:
        limits.check_size(size)
        async with self._call("resize", name, Ability.RESIZE) as fault:
            guest = self._idle(name)
            if size.disk_gb < guest.size.disk_gb:
                raise errors.InvalidError("A disk can grow, not shrink")
            if size == guest.size:
                return DONE
            wanted = [size.cores, size.memory_mb, size.disk_gb]
            return self._accept("resize", name, fault, {"size": wanted})

    async def clone(self, source: str, spec: GuestSpec) -> EngineTask:
        limits.check_spec(spec)
        self._check_kind(spec)
        async with self._call("clone", spec.name, Ability.CLONE) as fault:
            if (task := self._made_before(spec)) is not None:
                return task
            guest = self._idle(source, running=False)
            if spec.kind is not guest.kind:
                raise errors.InvalidError(f"{source} is a {guest.kind}, and so are its clones")
            if spec.disk_gb < guest.size.disk_gb:
                raise errors.InvalidError(f"The disk of {source} is larger than {spec.disk_gb} GB")
            return self._make("clone", spec, guest.disk or {}, fault)

    async def list_images(self) -> tuple[Image, ...]:
        async with self._call("list_images", "", Ability.IMAGES):
            images = self._world.images.values()
            return tuple(
                Image(each.name, each.key, sum(len(f.content) for f in each.disk.values()))
                for each in images
            )

    async def publish_image(self, source: str, image: Image) -> EngineTask:
        check_names(image.name)
        async with self._call("publish_image", source, Ability.IMAGES) as fault:
            found = self._world.images.get(image.name)
            if found is not None:
                if found.key != image.key:
                    raise errors.ConflictError(f"There is an image {image.name}, not this one")
                return DONE
            details = {"image": image.name, "key": image.key}
            holder = self._world.tasks.get(self._guest(source).task)
            if holder is not None and holder.details == details:
                return EngineTask(holder.id)
            self._idle(source, running=False)
            return self._accept("publish", source, fault, details)

    async def delete_image(self, name: str) -> EngineTask:
        async with self._call("delete_image", name, Ability.IMAGES):
            self._world.drop_image(name)
            return DONE

    async def export_backup(self, name: str) -> AsyncIterator[bytes]:
        async with self._call("export_backup", name, Ability.BACKUPS):
            disk = records.disk_data(self._idle(name).disk)
        content = BACKUP + zlib.compress(json.dumps(disk).encode())
        for at in range(0, len(content), 65536):
            yield content[at : at + 65536]

    async def import_backup(self, spec: GuestSpec, content: AsyncIterator[bytes]) -> EngineTask:
        limits.check_spec(spec)
        self._check_kind(spec)
        async with self._call("import_backup", spec.name, Ability.BACKUPS) as fault:
            if (task := self._made_before(spec)) is not None:
                return task
            received = b"".join([part async for part in content])
            return self._make("import", spec, _unpack(received), fault)

    def _same_snapshot(self, name: str, kind: str, snapshot: str) -> EngineTask | None:
        """Return the task that does this very thing already."""
        guest = self._guest(name)
        task = self._world.tasks.get(guest.task)
        same = task is not None and task.details.get("snapshot") == snapshot
        return self._running_task(guest, kind) if same else None


def _unpack(content: bytes) -> records.Disk:
    if not content.startswith(BACKUP):
        raise errors.InvalidError("This is no backup of a simulated guest")
    try:
        return records.disk_from(json.loads(zlib.decompress(content.removeprefix(BACKUP))))
    except (ValueError, zlib.error, AttributeError) as error:
        raise errors.InvalidError(f"This is no backup of a simulated guest: {error}") from error
