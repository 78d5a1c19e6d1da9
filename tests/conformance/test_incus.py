"""The Incus driver keeps every promise of the port, against a real daemon and real containers."""

import os
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import httpx
import pytest
from tests.conftest import STATE
from tests.support.busybox import build_busybox
from tests.support.incus import Incus, running_incus, why_not

from stead.engines import registry
from stead.engines.capabilities import Ability
from stead.engines.conformance.scorecard import Outcome, run_one
from stead.engines.conformance.suite import BEHAVIOURS
from stead.engines.conformance.trial import Behaviour, Target
from stead.engines.drivers.incus import client
from stead.engines.drivers.incus.driver import IncusDriver
from stead.engines.values import NetworkSpec

RANGE = IPv4Network("10.101.0.0/16")
# Two runs on one machine get different networks, also when one of them was killed.
FIRST = next(
    number
    for number in ((os.getpid() + step) * 2 % 64 for step in range(32))
    if not Path(f"/sys/class/net/cfnet{number}").exists()
)
NETWORK, OTHER = (
    NetworkSpec(f"cfnet{FIRST + number}", cidr, cidr[1], 8444, (RANGE,))
    for number, cidr in enumerate(list(RANGE.subnets(new_prefix=22))[FIRST : FIRST + 2])
)


class Losing(httpx.AsyncBaseTransport):
    """Passes everything on; when armed it loses the answer to the next change."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.armed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        if self.armed and request.method != "GET":
            self.armed = False
            await answer.aclose()
            raise httpx.ReadError("lost on purpose", request=request)
        return answer

    async def aclose(self) -> None:
        await self.inner.aclose()


@pytest.fixture(scope="module")
def daemon() -> Iterator[Incus]:
    reason = why_not()
    if reason:
        pytest.skip(f"containers cannot be tested: {reason}")
    with running_incus(STATE / "incus-conformance", build_busybox(STATE / "busybox")) as one:
        yield one


@pytest.fixture
async def target(daemon: Incus) -> AsyncIterator[Target]:
    driver = connect(daemon)
    http = driver._client._http
    losing = http._transport = Losing(http._transport)

    def lose_answer() -> None:
        losing.armed = True

    yield Target(driver, lambda: connect(daemon), daemon.image, NETWORK, OTHER, lose_answer)
    await driver.close()


def connect(daemon: Incus) -> IncusDriver:
    tls = client.by_certificate(daemon.server_certificate)
    client.identify(tls, daemon.certificate, daemon.key)
    return IncusDriver(client.connect(daemon.url, daemon.project, tls), daemon.pool)


@pytest.mark.timeout(330)
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda each: each.name)
async def test_it_keeps(behaviour: Behaviour, target: Target, daemon: Incus):
    for network in (NETWORK, OTHER):
        await target.driver.ensure_network(network)
    result = await run_one(target, behaviour)
    withheld = {Ability.VMS, Ability.NESTING, Ability.EVACUATION} & set(behaviour.needs)
    expected = Outcome.NOT_DECLARED if withheld else Outcome.KEPT
    assert result.outcome is expected, result.words
    assert daemon.instances() == []
    assert daemon.volumes() == []


async def test_it_declares_what_it_has_to(target: Target):
    record = await target.driver.capabilities()
    assert [each for each in registry.required("incus") if not record.of(each).usable] == []
