"""Opens connections for the outbound client: one look-up, judged, and then that very address.

The name that is called stays what the certificate is verified for; nobody looks it up again.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpcore
from typing_extensions import override

from stead.core import log
from stead.core.outbound import addresses
from stead.core.outbound.addresses import Address, Network
from stead.core.outbound.errors import OutboundRefusedError, OutboundUnreachableError

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
_TRIES: Final = 4
# So that one address that swallows everything leaves time for the next.
_CONNECT_SECONDS: Final = 3.0
logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Turns a name into addresses that may be called; ``allowed`` is what an admin opened."""

    resolve: Resolve
    is_own: Callable[[Address], bool] = addresses.is_own

    async def addresses(
        self, host: str, port: int, allowed: Sequence[Network]
    ) -> tuple[Address, ...]:
        """Return where a host may be called.

        Raises OutboundRefusedError and OutboundUnreachableError.
        """
        found = await self.resolve(host, port)
        good = tuple(one for one in found if self._may_call(one, allowed))
        if not good:
            # Whoever chose the host is not told what our resolver knows about it.
            logger.warning("outbound.refused", host=host, addresses=[str(one) for one in found])
            raise OutboundRefusedError(
                f"{host} is not on the internet, or is this server itself",
                hint="A platform admin can allow single networks (outbound.allowed).",
            )
        return good

    def _may_call(self, address: Address, allowed: Sequence[Network]) -> bool:
        if addresses.within(address, allowed):
            return True
        return addresses.is_public(address) and not self.is_own(address)


class Dialler(httpcore.AsyncNetworkBackend):
    """Connects httpcore's pool only to where the doorkeeper says."""

    def __init__(self, doorkeeper: Doorkeeper, allowed: Sequence[Network]) -> None:
        self._doorkeeper = doorkeeper
        self._allowed = allowed
        self._network = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        good = await self._doorkeeper.addresses(host, port, self._allowed)
        for address in good[:_TRIES]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout or _CONNECT_SECONDS
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                logger.info("outbound.no_connection", address=str(address), reason=str(error))
        raise OutboundUnreachableError(f"{host} takes no connection on port {port}")


async def look_up(host: str, port: int) -> tuple[Address, ...]:
    """Return the addresses of a host as the system's resolver knows them, each once.

    Raises OutboundUnreachableError.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundUnreachableError(f"{host} has no address") from error
    return tuple(dict.fromkeys(addresses.read(str(one[4][0])) for one in found))
