"""A test of an Incus server, one topic at a time, by asking only.

Where asking cannot tell, as with networks that are still to be made, the answer says so.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from stead.engines import errors
from stead.engines.drivers.incus.client import IncusClient, Json
from stead.engines.drivers.incus.ground import lacks, own_certificate, rows, table
from stead.engines.drivers.incus.rights import LIFE, check
from stead.engines.values import Checked, Topic
from stead.kit import clock

OLDEST: Final = 6
_APART_SECONDS: Final = 60
_APART: Final = "separation from the rest of the server"


async def examine(client: IncusClient, pool: str, topic: Topic) -> tuple[Checked, ...]:
    """Return what a test of one topic found, the good and the bad."""
    match topic:
        case Topic.VERSION:
            return await _version(client)
        case Topic.RIGHTS:
            return await _rights(client)
        case Topic.STORAGES:
            return await _storage(client, pool)
        case Topic.NETWORKS:
            return await _networks(client)
        case Topic.CLOCK:
            return await _clock(client)


def too_old(environment: Mapping[str, Json]) -> str:
    """Return why a server cannot be used, or nothing."""
    name, version = str(environment.get("server", "incus")), environment.get("server_version", "")
    found = re.match(r"\d+", str(version))
    if name != "incus":
        return f"This is {name[:40]} {version}, not Incus"
    if found is None or int(found[0]) < OLDEST:
        return f"Incus {version} is older than {OLDEST}, the first that this driver knows"
    return ""


async def _version(client: IncusClient) -> tuple[Checked, ...]:
    environment = table(table(await client.get("", "describe itself")).get("environment"))
    old = too_old(environment)
    name = f"Incus {environment.get('server_version') or 'of no known version'}"
    return (Checked(Topic.VERSION, name, not old, old, ("everything",), "Install Incus 6"),)


async def _rights(client: IncusClient) -> tuple[Checked, ...]:
    certificate = await _certificate(client)
    project = client.project
    try:
        told = table(await client.get(f"/projects/{project}", "look at its project"))
    except (errors.NotFoundError, errors.ForbiddenError) as error:
        fix = f"Create {project}, and restrict our certificate to it with incus config trust edit"
        name = f"the project {project}"
        return certificate, Checked(Topic.RIGHTS, name, False, error.native, (LIFE,), fix)
    config = table(told.get("config"))
    restricted = str(config.get("restricted", "")) == "true"
    found = [
        certificate,
        Checked(Topic.RIGHTS, f"the project {project}", True, "we may see it", (LIFE,)),
        Checked(
            topic=Topic.RIGHTS,
            name=f"restricted of {project}",
            ok=restricted,
            text="on" if restricted else "off: its guests may be given what belongs to the host",
            disables=(_APART,),
            fix=f"Run incus project set {project} restricted=true",
        ),
    ]
    return *found, *check(project, config)


async def _certificate(client: IncusClient) -> Checked:
    """Tell how far our own certificate goes."""
    server = table(await client.get("", "describe itself"))
    me, mine = str(server.get("auth_user_name", "")), await own_certificate(client, server)
    projects = mine.get("projects")
    names = [str(one) for one in projects] if isinstance(projects, list) else []
    held = mine.get("restricted") is True
    text = (
        f"to {', '.join(names) or 'no project'}; guests of others are not seen"
        if held
        else "not restricted: whoever has it owns the whole server"
    )
    return Checked(
        topic=Topic.RIGHTS,
        name="a restricted certificate",
        ok=held,
        text=text,
        disables=(_APART,),
        fix=f"Set restricted: true and projects: [{client.project}] with"
        f" incus config trust edit {me[:12]}",
    )


async def _storage(client: IncusClient, pool: str) -> tuple[Checked, ...]:
    try:
        told = table(await client.get(f"/storage-pools/{pool}", "show its storage"))
    except (errors.NotFoundError, errors.ForbiddenError) as error:
        fix = "Create it with incus storage create, or choose another one for this cluster"
        return (Checked(Topic.STORAGES, pool, False, error.native, (LIFE,), fix),)
    driver, status = str(told.get("driver", "")), str(told.get("status", "Created"))
    lacking = lacks(driver)
    found = [Checked(Topic.STORAGES, pool, status == "Created", f"{driver}, {status}", (LIFE,))]
    found += [
        Checked(Topic.STORAGES, f"{ability} on {pool}", False, reason, (str(ability),), _BTRFS)
        for ability, reason in lacking.items()
    ]
    return tuple(found)


_BTRFS: Final = "Create a pool of kind btrfs, or accept that disks of guests are not limited"


async def _networks(client: IncusClient) -> tuple[Checked, ...]:
    found = []
    for path, name in (("/networks", "networks"), ("/network-acls", "firewall rules")):
        try:
            listed = rows(await client.get(path, f"list its {name}", recursion="1"))
            managed = [one for one in listed if one.get("managed", True)]
            text = f"{len(managed)} there for us; whether we may make some shows when we do"
            found.append(Checked(Topic.NETWORKS, name, True, text, (LIFE,)))
        except errors.EngineError as error:
            fix = f"Let our certificate see the {name} of the project {client.project}"
            found.append(Checked(Topic.NETWORKS, name, False, error.native, (LIFE,), fix))
    return tuple(found)


async def _clock(client: IncusClient) -> tuple[Checked, ...]:
    told = await client.date("tell the time")
    try:
        apart = abs(_utc(parsedate_to_datetime(told)) - clock.utc_now()).total_seconds()
    except ValueError:
        return ()
    text = f"{apart:.0f} s from this server's"
    fix = "Let both follow the same time servers"
    return (
        Checked(Topic.CLOCK, "server", apart <= _APART_SECONDS, text, ("ages of snapshots",), fix),
    )


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
