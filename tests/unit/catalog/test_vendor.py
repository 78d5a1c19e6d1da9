"""What a vendor's file must show before a package installs it; the vendor is a folder here."""

import hashlib
from pathlib import Path

import pytest

from stead.catalog.loader import BUILT_IN
from stead.kit import process

USERS = ("gitea", "grafana", "nextcloud")
KEY = "7C9E68152594688862D62AF62D9AE806EC1592E2"
# Files instead of addresses, and a signature that is said to be good, by the key in $SIGNER.
PRELUDE = """
set -euo pipefail
. ./stead.sh
. ./gitea/vendor.sh
fetch() { cp "$1" "$2" || fail 2 "$1 cannot be fetched"; }
gpg() {
    [[ " $* " != *" --verify "* ]] || [ -z "${SIGNER:-}" ] ||
        echo "[GNUPG:] VALIDSIG 0123 2026-01-02 1767312000 0 4 0 22 10 00 $SIGNER"
}
"""


async def verify(command: str, signer: str = "") -> str:
    script = f"cd {BUILT_IN}\n{PRELUDE}\n{command}\necho verified"
    done = await process.run(["env", f"SIGNER={signer}", "bash", "-c", script], limit_seconds=60)
    assert (done.code == 0) == ("verified" in done.output)
    assert done.code in (0, 2)
    return done.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "program"
    path.write_text("program")
    for name in ("signature", "key"):
        (tmp_path / name).write_text(name)
    return path


async def test_a_file_that_its_vendor_describes_is_installed(file: Path):
    sums = file.with_name("sums")
    sums.write_text(f"{hashlib.sha256(b'program').hexdigest().upper()}  program\n")
    assert "verified" in await verify(f"verify_sum {file} {sums}")


@pytest.mark.parametrize(
    "said", ["", "not found", hashlib.sha256(b"another").hexdigest(), "ab" * 31]
)
async def test_a_file_that_its_vendor_does_not_describe_is_refused(file: Path, said: str):
    sums = file.with_name("sums")
    sums.write_text(said)
    assert "error: cannot verify" in await verify(f"verify_sum {file} {sums}")


async def test_a_vendor_who_is_out_of_reach_stops_the_installation(file: Path):
    assert "cannot be fetched" in await verify(f"verify_sum {file} {file}.missing")


@pytest.mark.parametrize("signer", ["", "F" * 40, f"{KEY}0", KEY.lower()])
async def test_a_signature_by_no_known_key_is_refused(file: Path, signer: str):
    asked = f"verify_signature {file} {file.with_name('signature')} {KEY} {file.with_name('key')}"
    assert "error: cannot verify" in await verify(asked, signer)
    assert "verified" in await verify(asked, KEY)


def test_all_packages_verify_alike():
    assert len({(BUILT_IN / name / "vendor.sh").read_bytes() for name in USERS}) == 1
