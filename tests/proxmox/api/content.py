"""What is on a storage: lists, attributes, uploads, downloads, removal."""

import hashlib
import re
from typing import Any

from tests.proxmox import guests, volumes
from tests.proxmox.api.storage import kind_of
from tests.proxmox.call import Call, died, invalid, serves
from tests.proxmox.tasks import Job, TaskFailed, spawn
from tests.proxmox.world import Volume

FORMATS = {".tar.zst": "tzst", ".tar.gz": "tgz", ".tar.xz": "txz", ".iso": "iso"}
ENDINGS = {"vztmpl": (".tar.gz", ".tar.xz", ".tar.zst"), "iso": (".iso", ".img")}


@serves("GET /nodes/{node}/storage/{storage}/content")
async def contents(call: Call) -> object:
    """List volumes; backups and disks of guests only to whoever may see the guest."""
    call.world.enabled_storage(call["storage"])
    rows = []
    for (node, volid), volume in sorted(call.world.volumes.items()):
        if node != call["node"] or volumes.storage_of(volid) != call["storage"]:
            continue
        if call.get("content") not in {None, volume.content}:
            continue
        if "vmid" in call.params and volume.vmid != call["vmid"]:
            continue
        if visible(call, volume):
            rows.append(_row(volid, volume))
    return rows


def visible(call: Call, volume: Volume) -> bool:
    if volume.vmid is None or call.may(f"/storage/{call['storage']}", "Datastore.Allocate"):
        return True
    wanted = "VM.Backup" if volume.content == "backup" else "VM.Config.Disk"
    return call.may(f"/vms/{volume.vmid}", wanted)


def _row(volid: str, volume: Volume) -> dict[str, Any]:
    row: dict[str, Any] = {"volid": volid, "content": volume.content, "format": volume.format}
    row |= {"size": volume.size}
    if volume.format != "subvol":
        row["ctime"] = volume.ctime
    if volume.vmid is not None:
        row["vmid"] = volume.vmid
    if volume.content == "rootdir":
        row |= {"parent": volume.details.get("parent"), "used": volume.size // 10}
    if volume.content == "images":
        row |= {"parent": volume.details.get("parent"), "used": volume.size // 10}
    if volume.content == "backup":
        row["subtype"] = "lxc"
        row |= {key: value for key, value in volume.details.items() if value}
    return row


def full_id(call: Call) -> str:
    given = str(call["volume"])
    return given if ":" in given else f"{call['storage']}:{given}"


def find(call: Call) -> Volume | None:
    return call.world.volumes.get((call["node"], full_id(call)))


@serves("GET /nodes/{node}/storage/{storage}/content/{volume}")
async def attributes(call: Call) -> object:
    found, volid = find(call), full_id(call)
    if found is None:
        raise died(f"volume_size_info on '{volid}' failed - no format")
    if not visible(call, found):
        call.need(f"/vms/{found.vmid}", "VM.Backup")
    path = volumes.file_path(call.world, volid)
    row: dict[str, Any] = {"format": "raw", "path": path, "size": found.size, "used": found.size}
    if found.content != "backup":
        return row
    notes = {"notes": found.details["notes"]} if found.details.get("notes") else {}
    return row | notes | {"protected": int(found.details.get("protected", 0))}


@serves("PUT /nodes/{node}/storage/{storage}/content/{volume}")
async def update(call: Call) -> object:
    found = find(call)
    if found is None:
        raise died(f"volume '{full_id(call)}' does not exist")
    if "notes" in call.params:
        found.details["notes"] = call["notes"]
    if "protected" in call.params:
        found.details["protected"] = call["protected"]
    return None


@serves("POST /nodes/{node}/storage/{storage}/content")
async def allocate(call: Call) -> object:
    """Make an empty disk for a guest."""
    name = str(call["filename"])
    if not re.fullmatch(r"(vm|base)-\d+-\S+\.(raw|qcow2|vmdk)", name):
        raise died(f"unable to parse volume filename '{name}'")
    volid = f"{call['storage']}:{call['vmid']}/{name}"
    if (call["node"], volid) in call.world.volumes:
        raise died(f"disk image '{volumes.file_path(call.world, volid)}' already exists")
    size = guests.size_bytes(str(call["size"]))
    made = Volume("rootdir", str(call.get("format", "raw")), size, vmid=call["vmid"])
    call.world.volumes[call["node"], volid] = made
    return volid


@serves("POST /nodes/{node}/storage/{storage}/content/{volume}")
async def copy(call: Call) -> object:
    async def work(job: Job) -> None:
        job.say(f"DEBUG: starting worker {job.task.upid}")
        raise TaskFailed(f"unable to parse directory volume name '{call['target']}'")

    return spawn(call.world, call["node"], "imgcopy", "", call.who, work)


@serves("DELETE /nodes/{node}/storage/{storage}/content/{volume}")
async def delete(call: Call) -> object:
    """Remove a volume, a running guest's disk too; one that is gone is no failure."""
    volid = full_id(call)
    rest = volid.partition(":")[2]
    if "/" not in rest:
        raise died(f"unable to parse directory volume name '{rest}'")
    found = find(call)
    owner = owner_of(rest)
    _check_removal(call, volid, owner)

    async def work(job: Job) -> None:
        if found is None:
            job.say(f"disk image '{volumes.file_path(call.world, volid)}' does not exist")
        else:
            await job.take(call.world.settings.volume)
            if found.details.get("protected"):
                where = f"'{rest}' on '{call['storage']}'"
                raise TaskFailed(f"cannot remove protected volume {where}")
            call.world.volumes.pop((call["node"], volid), None)
        job.say(f"Removed volume '{volid}'")

    id_ = f"{owner}@{call['storage']}" if owner else call["storage"]
    return spawn(call.world, call["node"], "imgdel", id_, call.who, work)


def owner_of(rest: str) -> str:
    """Return the guest that a volume's name says it belongs to."""
    found = re.match(r"backup/vzdump-(?:lxc|qemu)-(\d+)-|(\d+)/", rest)
    return (found[1] or found[2]) if found else ""


def _check_removal(call: Call, volid: str, owner: str) -> None:
    if call.may(f"/storage/{call['storage']}", "Datastore.Allocate"):
        return
    if kind_of(volid) in {"vztmpl", "iso"}:
        call.need(f"/storage/{call['storage']}", "Datastore.AllocateTemplate")
        return
    call.need(f"/storage/{call['storage']}", "Datastore.AllocateSpace")
    if owner:
        call.need(f"/vms/{owner}", "VM.Backup" if kind_of(volid) == "backup" else "VM.Config.Disk")


def _check_name(call: Call, name: str) -> str:
    """Return the name without any path, or refuse its ending."""
    bare = re.split(r"[/\\]", name)[-1]
    if not bare.endswith(ENDINGS.get(call["content"], ("",))):
        raise invalid(filename="wrong file extension")
    return bare


@serves("POST /nodes/{node}/storage/{storage}/upload")
async def upload(call: Call) -> object:
    """Take an archive or image; the same name again overwrites."""
    storage = call.world.storage(call["storage"])
    name = _check_name(call, str(call["filename"]))
    if not storage.holds(call["content"]):
        raise died(f"storage '{call['storage']}' does not support '{call['content']}' content")
    content = call["tmpfilename"].content
    volid = f"{call['storage']}:{call['content']}/{name}"
    target = volumes.file_path(call.world, volid)
    again = (call["node"], volid) in call.world.volumes

    async def work(job: Job) -> None:
        job.say(f"starting file import from: {call['tmpfilename']}")
        if call.get("checksum"):
            job.say("calculating checksum...")
            found = hashlib.new(call["checksum-algorithm"], content).hexdigest()
            if found != call["checksum"]:
                raise TaskFailed(
                    f"checksum mismatch: got '{found}' != expect '{call['checksum']}'"
                )
        job.say(f"target node: {call['node']}", f"target file: {target}")
        if again or call["content"] == "iso" or name != call["filename"]:
            await job.take(call.world.settings.volume)
        _store(call, volid, content)
        job.say(f"file size is: {len(content)}", "finished file import successfully")

    return spawn(call.world, call["node"], "imgcopy", "", call.who, work)


def _store(call: Call, volid: str, content: bytes) -> None:
    ending = next((FORMATS[one] for one in FORMATS if volid.endswith(one)), "raw")
    made = Volume(call["content"], ending, len(content), int(call.world.clock.now()))
    call.world.volumes[call["node"], volid] = made


@serves("POST /nodes/{node}/storage/{storage}/download-url")
async def download(call: Call) -> object:
    """Fetch from an address that the test knows; all others refuse or have no name."""
    name = _check_name(call, str(call["filename"]))
    url, volid = call["url"], f"{call['storage']}:{call['content']}/{name}"
    host = url.split("/")[2]

    async def work(job: Job) -> None:
        job.say(f"downloading {url} to {volumes.file_path(call.world, volid)}")
        content = call.world.urls.get(url)
        if content is None and re.match(r"[\d.]+(:\d+)?$", host):
            reason = f"Connecting to {host}... failed: Connection refused."
            raise TaskFailed(f"download failed: {reason}")
        await job.take(call.world.settings.volume)
        if content is None:
            reason = f"wget: unable to resolve host address '{host}'"
            raise TaskFailed(f"download failed: {reason}")
        _store(call, volid, content)

    return spawn(call.world, call["node"], "download", name, call.who, work)
