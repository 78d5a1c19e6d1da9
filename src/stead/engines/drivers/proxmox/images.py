"""What new guests can begin as: templates, which are cloned, and archives, which are unpacked."""

from stead.engines import errors, limits
from stead.engines.drivers.proxmox import calls, mapping, placing
from stead.engines.drivers.proxmox.client import number, rows
from stead.engines.drivers.proxmox.engine import DONE
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part, task
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.scheduler import Lock, Scope
from stead.engines.values import EngineTask, GuestSpec, Image

_MIB = 2**20
_GIB = 2**30


class ImageCalls(Part):
    """The port's images, and guests made from guests."""

    async def clone(self, source: str, spec: GuestSpec) -> EngineTask:
        limits.check_spec(spec)
        found = await self._source(source)
        return await self.maker.clone(found, spec)

    async def list_images(self) -> tuple[Image, ...]:
        templates = [
            Image(
                found.name,
                found.record.key if found.record else "",
                found.disk_bytes or number(found.row.get("maxdisk")),
                found.kind,
            )
            for found in await self.engine.directory.survey()
            if found.template
        ]
        archives: dict[str, Image] = {}
        for node in await placing.online_nodes(self.engine.client, self.engine.site):
            for image in await self._archives(node):
                archives.setdefault(image.name, image)
        return (*sorted(templates, key=lambda image: image.name), *archives.values())

    async def publish_image(self, source: str, image: Image) -> EngineTask:
        limits.check_name(image.name)
        found = await self._source(source)
        spec = GuestSpec(
            name=image.name,
            key=image.key,
            owner="",
            image="",
            network="",
            address=None,
            mac="",
            cores=number(found.config.get("cores"), 1),
            memory_mb=number(found.config.get("memory"), 512),
            disk_gb=-(-found.disk_bytes // _GIB),
            kind=found.kind,
        )
        return await self.maker.clone(found, spec, image=True)

    async def delete_image(self, name: str) -> EngineTask:
        """Delete a template of ours; those that others made are not ours to delete."""
        found = await self._image(name)
        if found is None:
            return DONE

        async def ask() -> Upid | None:
            await self.engine.require_quorum()
            try:
                return await self.ask(
                    BY_KIND[found.kind].delete, "delete an image", found, {"purge": True}
                )
            except errors.NotFoundError:
                return None

        lock = Lock(Scope.TEMPLATE, str(found.vmid))
        return task(await self.engine.run(name, (lock,), ask))

    async def _image(self, name: str) -> Found | None:
        for found in await self.engine.directory.survey():
            if found.name == name and mapping.is_image(found):
                if found.record is None:
                    raise errors.ConflictError(f"The template {name} was not made by us")
                return await self.engine.directory.quiet(found)
        return None

    async def _source(self, name: str) -> Found:
        ours = await self.engine.directory.ours(name)
        if ours is None:
            survey = await self.engine.directory.survey()
            ours = next((f for f in survey if f.name == name and f.template), None)
        quiet = await self.engine.directory.quiet(ours) if ours is not None else None
        if quiet is None:
            raise errors.NotFoundError(f"The guest {name} is gone")
        return quiet

    async def _archives(self, node: str) -> list[Image]:
        client = self.engine.client
        listed = await client.call(
            calls.STORAGES, "list its storages", {"content": "vztmpl", "enabled": 1}, node=node
        )
        found: list[Image] = []
        for row in rows(listed):
            content = await client.call(
                calls.STORAGE_CONTENT,
                "list the archives",
                {"content": "vztmpl"},
                node=node,
                storage=str(row.get("storage")),
            )
            found += [
                Image(str(volume.get("volid")), size_bytes=number(volume.get("size")))
                for volume in rows(content)
            ]
        return found
