"""Where the machines of these tests run: the Incus named by INCUS_DIR, or one of our own."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import WORKER
from tests.quickstart import nested
from tests.support.incus import running_incus, why_not

OWN = Path("/var/lib/stead-quickstart-tests") / WORKER
TOOLS = ("mmdebstrap", "zstd", "nft", "curl")


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nested.Host]:
    reason = why_not() or next((f"needs {tool}" for tool in TOOLS if not shutil.which(tool)), "")
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("image")
    image = nested.machine_image()
    shutil.copy(image, folder / "rootfs.tar.zst")
    nested.metadata(folder)
    with contextlib.ExitStack() as stack:
        if given := os.environ.get("INCUS_DIR"):
            yield from _use(nested.Host(Path(given), "pool", "qs-machine"), folder)
        else:
            own = stack.enter_context(running_incus(OWN, folder))
            yield from _use(nested.Host(own.folder, own.pool, "qs-machine"), folder)


def _use(host: nested.Host, folder: Path) -> Iterator[nested.Host]:
    _clean(host)
    host.incus(
        "network",
        "create",
        nested.NETWORK,
        f"ipv4.address=10.98.{nested.NUMBER + 1}.1/24",
        "ipv4.nat=true",
        "ipv6.address=none",
    )
    archives = (str(folder / "metadata.tar"), str(folder / "rootfs.tar.zst"))
    host.incus("image", "import", *archives, "--alias", host.image)
    yield host
    _clean(host)


def _clean(host: nested.Host) -> None:
    """Remove what these tests make, also what a killed run left."""
    for name in host.incus("list", "^qstest-", "-f", "csv", "-c", "n").split():
        host.incus("delete", "--force", name)
    for kind in (["image", "delete", host.image], ["network", "delete", nested.NETWORK]):
        with contextlib.suppress(AssertionError):
            host.incus(*kind)


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print past pytest's capture: the times belong into the log of a passing run too."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)  # noqa: T201  # the measured times are this test's report

    return say
