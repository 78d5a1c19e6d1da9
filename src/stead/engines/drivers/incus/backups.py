"""Backups on Incus: a guest leaves as an image and comes back from one.

Incus's own backups cannot be brought back with restricted rights: they carry settings that a
restricted project forbids. An image has the disk and nothing else, which is what is wanted.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stead.engines import errors
from stead.engines.drivers.incus.around import HELPER, Around
from stead.engines.drivers.incus.client import Json
from stead.engines.values import EngineTask, GuestSpec, Image

TASK_SECONDS = 3600.0


class Backups(Around):
    """Streams guests out and in."""

    async def export_backup(self, name: str) -> AsyncIterator[bytes]:
        await self._quiet(name)
        await self._guest(name)
        async with self._helper_image(name) as alias:
            source = f"{name}/{HELPER}"
            await self._forget_snapshot(name)
            await self._finish(await self._take_snapshot(name, HELPER))
            try:
                image = Image(alias, key=alias)
                await self._finish(
                    await self._publish({"type": "snapshot", "name": source}, image)
                )
            finally:
                await self._forget_snapshot(name)
            path = f"/images/{await self._fingerprint(alias)}/export"
            async for part in self._client.download(path, "export an image"):
                yield part

    async def import_backup(self, spec: GuestSpec, content: AsyncIterator[bytes]) -> EngineTask:
        """Come back when the guest is made: its image has to stay until then."""
        await self._check(spec)
        if (task := await self._made_before(spec)) is not None:
            return task
        async with self._helper_image(spec.name) as alias:
            fingerprint = await self._upload(alias, content)
            source: dict[str, Json] = {"type": "image", "fingerprint": fingerprint}
            task = await self._make(spec, {"source": source})
            await self._finish(task)
        return EngineTask(task.native_id, done=True)

    async def _upload(self, alias: str, content: AsyncIterator[bytes]) -> str:
        digest = hashlib.sha256()

        async def counted() -> AsyncIterator[bytes]:
            async for part in content:
                digest.update(part)
                yield part

        task = await self._client.stream_in("/images", "take in an image", counted())
        try:
            await self._finish(EngineTask(task))
        except errors.ExistsError:
            # Somebody brings back the same backup: the image is there already.
            return digest.hexdigest()
        except errors.TaskFailedError as error:
            raise errors.InvalidError(
                "Incus could not read this as a backup", native=error.native
            ) from error
        target = {"name": alias, "target": digest.hexdigest(), "description": ""}
        await self._client.send("POST", "/images/aliases", "name an image", target)
        return digest.hexdigest()

    @asynccontextmanager
    async def _helper_image(self, name: str) -> AsyncIterator[str]:
        """Lend the name of an image that is gone afterwards, also one of a killed attempt."""
        alias = f"{HELPER}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        await self._finish(await self.delete_image(alias))
        try:
            yield alias
        finally:
            await self._finish(await self.delete_image(alias))

    async def _forget_snapshot(self, name: str) -> None:
        await self._finish(await self.delete_snapshot(name, HELPER))

    async def _finish(self, task: EngineTask) -> None:
        await self.settle(task, TASK_SECONDS)
