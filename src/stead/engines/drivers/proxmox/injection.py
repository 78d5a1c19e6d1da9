"""Gives a fresh clone its one secret, without a network, without SSH and without root.

A virtual machine gets it through cloud-init at its first start. For a container it takes three
steps, each with its undo, in an order that matters: the console becomes a root shell
before the first start, the secret is put there, and a restart through Proxmox makes it an
ordinary console again. Until then whoever may open that guest's console is root in it, so the
guest's owner may not do so before the last step has been verified.
"""

import base64
from typing import Final

from stead.engines import errors, limits
from stead.engines.capabilities import Ability
from stead.engines.drivers.proxmox import (
    access,
    bridges,
    calls,
    capabilities,
    console,
    mapping,
    placing,
)
from stead.engines.drivers.proxmox.client import (
    Param,
    ProxmoxClient,
    number,
    open_http,
    rows,
    table,
)
from stead.engines.drivers.proxmox.login import User
from stead.engines.drivers.proxmox.making import require_cloud_init
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part, task
from stead.engines.drivers.proxmox.tasks import Upid
from stead.engines.values import (
    EngineTask,
    GuestFile,
    GuestKind,
    GuestSpec,
    GuestState,
    Swept,
    WayIn,
)
from stead.kit import ids
from stead.kit.secrets import Secret

_PREFIX: Final = "stead-inj-"
_REALM: Final = "pve"
_SECONDS: Final = 300
# What is larger is downloaded by the guest itself.
_LARGEST: Final = 1024 * 1024
_RESTART_SECONDS: Final = 30
_GRANT: Final = "Grant that to the token's user"


class InjectionCalls(Part):
    """Puts one small secret into a container that has not started yet."""

    async def way_in(self, spec: GuestSpec) -> WayIn:
        """Look whether such a guest can be made and how a secret gets into it."""
        limits.check_spec(spec)
        engine = self.engine
        missing = await access.check(engine.client, engine.site, spec.pool)
        if lacking := access.lacking(missing, Ability.CONTAINERS):
            raise errors.ForbiddenError(f"Proxmox makes no guest here: {lacking}", hint=_GRANT)
        at_creation = placing.ARCHIVE in spec.image or spec.kind is GuestKind.VM
        if placing.ARCHIVE in spec.image:
            node = await placing.archive_node(engine.client, engine.site, spec.image)
        else:
            source = await self.maker.template(spec)
            node = source.node
            if spec.kind is GuestKind.VM:
                require_cloud_init(source, "user", "token")
            elif lacking := access.lacking(missing, access.INJECTION):
                raise errors.ForbiddenError(
                    f"Proxmox lets no secret into a clone of {spec.image}: {lacking}",
                    hint=f"{_GRANT}, or let guests begin as an archive (STORAGE:vztmpl/FILE)",
                )
        wanted = spec.pool or engine.site.storage
        await placing.disk_storage(engine.client, node, wanted, spec.kind)
        await bridges.of_guest(engine, node, spec.network)
        return WayIn(at_creation, await capabilities.is_fenced(engine, missing))

    async def create_enrolling(self, spec: GuestSpec, token: Secret) -> EngineTask:
        """Create a guest with a one-time token and without a console.

        The token is the comment of a key that nobody holds; the image's agent reads the line at
        its first start and deletes it. A container takes keys from an archive of ours only, as
        what is cloned takes none: raises Unsupported. A virtual machine has them of cloud-init.
        """
        limits.check_spec(spec)
        if spec.kind is GuestKind.VM:
            require_cloud_init(await self.maker.template(spec), "user", "token")
        elif placing.ARCHIVE not in spec.image:
            raise errors.UnsupportedError("Only a container from an archive takes keys")
        return await self.maker.create(spec, nobodys_key(token))

    async def open_shell(self, name: str) -> None:
        """Make the console of a stopped guest a root shell. Undone by ``close_shell``."""

        async def act(found: Found) -> Upid | None:
            _require_container(found)
            await self.maker.finish(found)
            if await self.engine.directory.state(found) is GuestState.RUNNING:
                # On a running guest the setting would only wait for the next start.
                raise errors.ConflictError(f"{name} runs: its console cannot be changed now")
            await self._set(found, {"cmode": "shell"})
            return None

        await self.change(name, act)

    async def put_secret(self, name: str, file: GuestFile) -> None:
        """Write a file into a running guest whose console is a shell; overwrites.

        Its user lives for this call only, and may open this one console.
        """
        if len(file.content) > _LARGEST:
            raise errors.InvalidError("This is too large for a console: let the guest fetch it")

        async def act(found: Found) -> Upid | None:
            _require_container(found)
            if await self.engine.directory.state(found) is not GuestState.RUNNING:
                raise errors.ConflictError(f"{name} does not run")
            await self._put(found, file)
            return None

        await self.change(name, act)

    async def close_shell(self, name: str) -> EngineTask:
        """Make the console an ordinary one again; only the restart closes it for good."""

        async def act(found: Found) -> Upid | None:
            if found.kind is GuestKind.VM:
                return None
            await self._delete_users(found.vmid)
            if "cmode" in found.config:
                await self._set(found, {"delete": "cmode"})
            if await self.engine.directory.state(found) is not GuestState.RUNNING:
                return None
            limit: dict[str, Param] = {"timeout": _RESTART_SECONDS}
            return await self.ask(calls.CT_REBOOT, "restart a guest", found, limit)

        return task(await self.change(name, act))

    async def is_closed(self, name: str) -> bool:
        """Tell whether the console is an ordinary one, now and not only from the next start."""
        found = await self.engine.directory.get(name)
        if found.kind is GuestKind.VM:
            # Its console asks who one is, whatever its settings are.
            return True
        pending = await self.engine.client.call(
            calls.CT_PENDING, "show what is pending", node=found.node, vmid=found.vmid
        )
        row = next((row for row in rows(pending) if row.get("key") == "cmode"), {})
        waits = "pending" in row or bool(number(row.get("delete")))
        return not waits and row.get("value", "tty") != "shell"

    async def sweep(self) -> Swept:
        """Find guests that were left with a root console, and delete what users were left.

        One that has not expired may be somebody's at this moment.
        """
        survey = await self.engine.directory.survey()
        ours = [found for found in survey if found.record is not None and not found.template]
        left = [found.name for found in ours if not await self._is_ordinary(found)]
        (node, *_) = await placing.online_nodes(self.engine.client, self.engine.site)
        now = await self._time(node)
        stray = [user for user, expires in (await self._users(_PREFIX)).items() if expires <= now]
        for user in stray:
            await self._delete_user(user)
        return Swept(tuple(sorted(left)), len(stray))

    async def _users(self, prefix: str) -> dict[str, int]:
        """Return our users whose names begin so, and when they expire."""
        listed = rows(await self.engine.client.call(calls.USERS, "list its users"))
        return {
            str(row.get("userid")): number(row.get("expire"))
            for row in listed
            if str(row.get("userid")).startswith(prefix)
        }

    async def _time(self, node: str) -> int:
        """Return the time by which Proxmox lets users expire, which may not be ours."""
        answer = await self.engine.client.call(calls.NODE_TIME, "tell the time", node=node)
        return number(table(answer).get("time"))

    async def _delete_users(self, vmid: int) -> None:
        """Delete what a session that was cut off had left for a console."""
        for user in await self._users(f"{_PREFIX}{vmid}-"):
            await self._delete_user(user)

    async def _is_ordinary(self, found: Found) -> bool:
        if found.config.get("cmode") == "shell":
            return False
        return not found.name or await self.is_closed(found.name)

    async def _put(self, found: Found, file: GuestFile) -> None:
        await self._delete_users(found.vmid)
        name = f"{_PREFIX}{found.vmid}-{ids.new_id()}@{_REALM}"
        password = Secret(ids.new_password(32))
        try:
            await self._mint(name, password, found)
            user = User(name, password)
            engine_http = self.engine.client.http
            http = open_http(str(engine_http.base_url), self.engine.client.tls)
            client = ProxmoxClient(http, user, self.engine.client.tls)
            try:
                async with console.shell(client, user, found) as opened:
                    await opened.put(file)
            finally:
                await client.close()
        finally:
            await self._delete_user(name)

    async def _mint(self, name: str, password: Secret, found: Found) -> None:
        call, doing = self.engine.client.call, "make a user for one console"
        await call(
            calls.USER_CREATE,
            doing,
            {
                "userid": name,
                "password": password.reveal(),
                "groups": access.CONSOLE_GROUP,
                "expire": await self._time(found.node) + _SECONDS,
                "comment": f"Stead, for the console of {found.vmid}",
            },
        )
        await call(
            calls.ACL_UPDATE,
            doing,
            {
                "path": f"/vms/{found.vmid}",
                "roles": access.CONSOLE_ROLE,
                "users": name,
                "propagate": False,
            },
        )

    async def _delete_user(self, name: str) -> None:
        try:
            await self.engine.client.call(
                calls.USER_DELETE, "delete the user of a console", userid=name
            )
        except errors.NotFoundError:
            return

    async def _set(self, found: Found, params: dict[str, Param]) -> None:
        await self.engine.client.call(
            calls.CT_UPDATE, "change its console", params, node=found.node, vmid=found.vmid
        )


def _require_container(found: Found) -> None:
    if found.kind is not GuestKind.CONTAINER:
        raise errors.UnsupportedError("The console of a virtual machine is no way for a secret")


def nobodys_key(token: Secret) -> Secret:
    """Return a line of ``authorized_keys`` that lets nobody in and carries a token."""
    kind = b"ssh-ed25519"
    parts = (kind, ids.new_key())
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return Secret(
        f"{kind.decode()} {base64.b64encode(blob).decode()} {mapping.ENROL}:{token.reveal()}"
    )
