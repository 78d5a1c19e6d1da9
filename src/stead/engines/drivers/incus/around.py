"""Snapshots, sizes, clones and images on Incus."""

from stead.engines import errors, limits
from stead.engines.drivers.incus import mapping
from stead.engines.drivers.incus.client import Json
from stead.engines.drivers.incus.ground import DONE, rows, table
from stead.engines.drivers.incus.lifecycle import Lifecycle
from stead.engines.values import EngineTask, GuestSize, GuestSpec, Image, Snapshot

# Snapshots and images that only help an export or import; nobody else is to see them.
HELPER = "stead-helper"


class Around(Lifecycle):
    """What is done with whole guests."""

    async def create_snapshot(self, name: str, snapshot: str) -> EngineTask:
        limits.check_name(snapshot)
        await self._quiet(name)
        await self._guest(name)
        if await self._has_snapshot(name, snapshot):
            return DONE
        return await self._take_snapshot(name, snapshot)

    async def list_snapshots(self, name: str) -> tuple[Snapshot, ...]:
        path = f"/instances/{name}/snapshots"
        found = rows(await self._client.get(path, "list its snapshots", recursion="1"))
        kept = sorted(found, key=lambda row: str(row.get("created_at", "")))
        return tuple(
            Snapshot(short, str(row.get("created_at", "")))
            for row in kept
            if (short := str(row.get("name", "")).rpartition("/")[2]) != HELPER
        )

    async def restore_snapshot(self, name: str, snapshot: str) -> EngineTask:
        await self._quiet(name)
        # Incus would stop and restart a running guest, and leave it down when that fails.
        await self._guest(name, running=False)
        if not await self._has_snapshot(name, snapshot):
            raise errors.NotFoundError(f"The container {name} has no snapshot {snapshot[:80]}")
        body: dict[str, Json] = {"restore": snapshot}
        return EngineTask(
            await self._client.send("PUT", f"/instances/{name}", "restore a snapshot", body)
        )

    async def delete_snapshot(self, name: str, snapshot: str) -> EngineTask:
        limits.check_name(snapshot)
        await self._quiet(name)
        path = f"/instances/{name}/snapshots/{snapshot}"
        try:
            return EngineTask(await self._client.send("DELETE", path, "delete a snapshot"))
        except errors.NotFoundError:
            return DONE

    async def resize(self, name: str, size: GuestSize) -> EngineTask:
        limits.check_size(size)
        await self._quiet(name)
        raw = table(await self._client.get(f"/instances/{name}", "look it up"))
        if size.disk_gb < mapping.guest(raw).size.disk_gb:
            raise errors.InvalidError("A disk can grow, not shrink")
        root = table(table(raw.get("devices")).get("root"))
        body: dict[str, Json] = {
            "config": mapping.size_config(size),
            "devices": {"root": {**root, "size": f"{size.disk_gb}GiB"}},
        }
        return EngineTask(
            await self._client.send("PATCH", f"/instances/{name}", "change its limits", body)
        )

    async def clone(self, source: str, spec: GuestSpec) -> EngineTask:
        await self._check(spec)
        if (task := await self._made_before(spec)) is not None:
            return task
        await self._quiet(source)
        rests = await self._guest(source, running=False)
        if spec.disk_gb < rests.size.disk_gb:
            raise errors.InvalidError(f"The disk of {source} is larger than {spec.disk_gb} GB")
        copy: dict[str, Json] = {"type": "copy", "source": source, "instance_only": True}
        if not await self._in_cluster():
            return await self._make(spec, {"source": copy})
        # A copy is quick beside its source. Between members Incus has to be told what it runs on.
        known = table(await self._client.get(f"/instances/{source}", "look it up"))
        extra = {"source": copy, "architecture": known.get("architecture")}
        return await self._make(spec, extra, rests.node)

    async def list_images(self) -> tuple[Image, ...]:
        found = rows(await self._client.get("/images", "list images", recursion="1"))
        return tuple(
            image
            for row in found
            for image in mapping.images(row)
            if not image.name.startswith(HELPER)
        )

    async def publish_image(self, source: str, image: Image) -> EngineTask:
        limits.check_name(image.name)
        existing = {each.name: each for each in await self.list_images()}.get(image.name)
        if existing is not None:
            if existing.key != image.key:
                raise errors.ConflictError(f"Incus has an image {image.name} that is not this one")
            return DONE
        await self._quiet(source)
        await self._guest(source, running=False)
        return await self._publish({"type": "instance", "name": source}, image)

    async def delete_image(self, name: str) -> EngineTask:
        limits.check_name(name)
        fingerprint = await self._fingerprint(name)
        if not fingerprint:
            return DONE
        try:
            return EngineTask(
                await self._client.send("DELETE", f"/images/{fingerprint}", "delete an image")
            )
        except errors.NotFoundError:
            return DONE

    async def _publish(self, source: dict[str, Json], image: Image) -> EngineTask:
        body: dict[str, Json] = {
            "source": source,
            "properties": {mapping.KEY: image.key},
            "public": False,
            "compression_algorithm": "zstd",
            "aliases": [{"name": image.name, "description": ""}],
        }
        return EngineTask(await self._client.send("POST", "/images", "make an image", body))

    async def _fingerprint(self, alias: str) -> str:
        """Return what an image's name stands for, or nothing."""
        try:
            found = await self._client.get(f"/images/aliases/{alias}", "look up an image")
        except errors.NotFoundError:
            return ""
        return str(table(found).get("target", ""))

    async def _take_snapshot(self, name: str, snapshot: str) -> EngineTask:
        body: dict[str, Json] = {"name": snapshot, "stateful": False}
        path = f"/instances/{name}/snapshots"
        return EngineTask(await self._client.send("POST", path, "take a snapshot", body))

    async def _has_snapshot(self, name: str, snapshot: str) -> bool:
        return any(each.name == snapshot for each in await self.list_snapshots(name))
