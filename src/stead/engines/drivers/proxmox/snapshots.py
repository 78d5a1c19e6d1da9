"""Snapshots of guests' disks. A rollback brings the old config back too, which is undone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stead.engines import errors, limits
from stead.engines.drivers.proxmox import mapping
from stead.engines.drivers.proxmox.client import Json, Param, number, rows, table
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part, task
from stead.engines.drivers.proxmox.tasks import Upid, parse
from stead.engines.values import EngineTask, GuestKind, GuestState, Snapshot

_KEPT: Final = {
    GuestKind.CONTAINER: ("hostname", "swap"),
    GuestKind.VM: ("name", "sockets", "ipconfig0", "nameserver", "ciuser", "sshkeys", "ciupgrade"),
}
_KEPT_OF_ALL: Final = ("net0", "memory", "cores", "onboot", "tags", "description")
_MARK: Final = "restore|"


@dataclass(frozen=True, slots=True)
class Restoring:
    """A rollback that runs, and the config to put back after it."""

    node: str
    vmid: int
    upid: str
    config: Mapping[str, Json]
    kind: GuestKind


class SnapshotCalls(Part):
    """The port's snapshots."""

    async def create_snapshot(self, name: str, snapshot: str) -> EngineTask:
        limits.check_name(snapshot)

        async def act(found: Found) -> Upid | None:
            if await self._snapshot(found, snapshot) is not None:
                return None
            params: dict[str, Param] = {
                "snapname": mapping.snapshot_name(snapshot),
                "description": snapshot,
            }
            if found.kind is GuestKind.VM:
                # A state of the disks, not of what runs.
                params["vmstate"] = False
            call = BY_KIND[found.kind].snapshot
            try:
                return await self.ask(call, "take a snapshot", found, params)
            except errors.ExistsError:
                return None

        return task(await self.change(name, act))

    async def list_snapshots(self, name: str) -> tuple[Snapshot, ...]:
        found = await self.engine.directory.get(name)
        listed = [row for row in await self._listed(found) if row.get("name") != "current"]
        listed.sort(key=lambda row: number(row.get("snaptime")))
        return tuple(_snapshot(row) for row in listed)

    async def restore_snapshot(self, name: str, snapshot: str) -> EngineTask:
        kept: dict[str, Json] = {}

        async def act(found: Found) -> Upid | None:
            if await self._snapshot(found, snapshot) is None:
                raise errors.NotFoundError(f"The guest {name} has no snapshot {snapshot}")
            if await self.engine.directory.state(found) is GuestState.RUNNING:
                raise errors.ConflictError(f"{name} runs: stop it before it is put back")
            names = (*_KEPT_OF_ALL, *_KEPT[found.kind])
            kept.update({key: found.config[key] for key in names if key in found.config})
            native, call = mapping.snapshot_name(snapshot), BY_KIND[found.kind].rollback
            return await self.ask(call, "put a snapshot back", found, snapname=native)

        upid = await self.change(name, act)
        if upid is None:
            raise errors.OutcomeUnknownError("Proxmox accepted something without naming a task")
        return EngineTask(f"{_MARK}{upid.text}|{json.dumps(kept, separators=(',', ':'))}")

    async def delete_snapshot(self, name: str, snapshot: str) -> EngineTask:
        async def act(found: Found) -> Upid | None:
            if await self._snapshot(found, snapshot) is None:
                return None
            native = mapping.snapshot_name(snapshot)
            call = BY_KIND[found.kind].snapshot_delete
            return await self.ask(call, "forget a snapshot", found, snapname=native)

        try:
            return task(await self.change(name, act))
        except errors.NotFoundError:
            return task(None)

    async def put_back(self, restoring: Restoring) -> None:
        """Wait for a rollback and set again what a snapshot of the disks must not change."""
        await self.engine.settle(restoring.upid, "put a snapshot back")
        found = Found(restoring.vmid, restoring.node, restoring.kind)
        now = await self.engine.directory.quiet(found)
        if now is None:
            return
        changed = {
            key: value for key, value in restoring.config.items() if now.config.get(key) != value
        }
        if changed:
            params: dict[str, Param] = {key: str(value) for key, value in changed.items()}
            await self.engine.client.call(
                BY_KIND[now.kind].update,
                "put a snapshot back",
                params,
                node=now.node,
                vmid=now.vmid,
            )

    async def _snapshot(self, found: Found, snapshot: str) -> dict[str, Json] | None:
        native = mapping.snapshot_name(snapshot)
        return next((r for r in await self._listed(found) if r.get("name") == native), None)

    async def _listed(self, found: Found) -> list[dict[str, Json]]:
        call = BY_KIND[found.kind].snapshots
        answer = await self.engine.client.call(
            call, "list its snapshots", node=found.node, vmid=found.vmid
        )
        return rows(answer)


def restoring(native_id: str) -> Restoring | None:
    """Read the id of a rollback; None for every other task."""
    if not native_id.startswith(_MARK):
        return None
    upid, _, config = native_id.removeprefix(_MARK).partition("|")
    told = parse(upid)
    kind = GuestKind.VM if told.kind.startswith("qm") else GuestKind.CONTAINER
    return Restoring(told.node, int(told.guest), upid, table(json.loads(config)), kind)


def _snapshot(row: Mapping[str, Json]) -> Snapshot:
    told = str(row.get("description", "")).removesuffix("\n")
    native = str(row.get("name", ""))
    ours = told if mapping.snapshot_name(told or "-") == native else native
    taken = number(row.get("snaptime"))
    return Snapshot(ours, datetime.fromtimestamp(taken, UTC).isoformat() if taken else "")
