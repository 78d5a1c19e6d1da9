"""A small client for the tests of the stand-in itself; the driver has its own."""

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx
from tests.proxmox import presets
from tests.proxmox.double import Double

OK = 200


class RefusedByDoubleError(Exception):
    """An answer that is not 200."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code} {response.reason_phrase}")
        self.status = response.status_code
        self.reason = response.reason_phrase
        body = response.json() if response.content[:1] == b"{" else {}
        self.errors: dict[str, str] = body.get("errors", {})


class Api:
    """Calls the stand-in and unwraps what it says."""

    def __init__(self, double: Double, token: str | None = None) -> None:
        self.double = double
        headers = {"Authorization": f"PVEAPIToken={token or double.token}"}
        base = f"{double.url}/api2/json"
        self.http = httpx.AsyncClient(
            base_url=base, verify=double.context(), headers=headers, timeout=30
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def call(self, method: str, path: str, **form: object) -> Any:
        fields = {key.replace("_", "-"): value for key, value in form.items()}
        given = {"params": fields} if method in {"GET", "DELETE"} else {"data": fields}
        response = await self.http.request(method, path, **given)
        if response.status_code != OK:
            raise RefusedByDoubleError(response)
        return response.json()["data"]

    async def get(self, path: str, **query: object) -> Any:
        return await self.call("GET", path, **query)

    async def post(self, path: str, **form: object) -> Any:
        return await self.call("POST", path, **form)

    async def put(self, path: str, **form: object) -> Any:
        return await self.call("PUT", path, **form)

    async def delete(self, path: str, **query: object) -> Any:
        return await self.call("DELETE", path, **query)

    async def ended(self, upid: str) -> str:
        """Wait for a task and return its exit status."""
        async with asyncio.timeout(20):
            while True:
                found = await self.get(f"/nodes/{upid.split(':')[1]}/tasks/{upid}/status")
                if found["status"] == "stopped":
                    return str(found["exitstatus"])
                await asyncio.sleep(0.01)

    async def create(self, vmid: int, **more: object) -> str:
        """Ask for a container and return the task."""
        form = {"ostemplate": presets.ARCHIVE, "rootfs": "local-btrfs:1", "unprivileged": 1}
        return str(await self.post("/nodes/pve1/lxc", vmid=vmid, **{**form, **more}))
