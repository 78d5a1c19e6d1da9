"""Archives are unpacked as plain files below their folder, or not at all."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from stead_agent import packages
from stead_agent.job import Order, RefusedError

ORDER = Order("demo", "1", "0" * 64, "install.sh", {}, (), 60)


def pack(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return path


def entry(
    name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644
) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.mode, made.linkname = kind, len(data), mode, "/etc/passwd"
    return made, data


def test_files_and_folders_are_unpacked_with_two_modes_only(tmp_path: Path):
    archive = pack(
        tmp_path / "a.tar",
        entry("sub", kind=tarfile.DIRTYPE, mode=0o777),
        entry("sub/run", b"x", mode=0o4777),
        entry("deep/er/data", b"yz", mode=0o600),
    )
    packages.unpack(archive, tmp_path / "out")
    found = {
        str(path.relative_to(tmp_path / "out")): path.stat().st_mode & 0o7777
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {"sub/run": 0o755, "deep/er/data": 0o644}
    assert (tmp_path / "out/deep/er/data").read_bytes() == b"yz"


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/x", "a/../x", "..", ".", "x" * 513, "a\\..\\x"]
)
def test_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str):
    archive = pack(tmp_path / "a.tar", entry(name, b"x"))
    with pytest.raises(RefusedError, match="leaves"):
        packages.unpack(archive, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar", "out"] or not list(
        (tmp_path / "out").iterdir()
    )


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CONTTYPE,
    ],
)
def test_anything_but_a_plain_file_is_refused(tmp_path: Path, kind: bytes):
    archive = pack(tmp_path / "a.tar", entry("thing", kind=kind))
    with pytest.raises(RefusedError, match="plain file"):
        packages.unpack(archive, tmp_path / "out")


def test_same_file_twice_is_refused(tmp_path: Path):
    archive = pack(tmp_path / "a.tar", entry("x", b"1"), entry("./x", b"2"))
    with pytest.raises(RefusedError, match="cannot be written"):
        packages.unpack(archive, tmp_path / "out")


def test_file_below_a_file_is_refused(tmp_path: Path):
    archive = pack(tmp_path / "a.tar", entry("x", b"1"), entry("x/y", b"2"))
    with pytest.raises(RefusedError, match="cannot be written"):
        packages.unpack(archive, tmp_path / "out")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages, "MEMBER_LIMIT", 20)
    many = [entry(f"f{number}") for number in range(packages.MEMBER_LIMIT + 1)]
    with pytest.raises(RefusedError, match="more than is allowed"):
        packages.unpack(pack(tmp_path / "a.tar", *many), tmp_path / "out")


def test_huge_announced_size_is_refused_before_anything_is_written(tmp_path: Path):
    member, _ = entry("big")
    member.size = packages.ARCHIVE_LIMIT + 1
    (tmp_path / "a.tar").write_bytes(member.tobuf() + b"\0" * 10240)
    with pytest.raises(RefusedError, match="more than is allowed"):
        packages.unpack(tmp_path / "a.tar", tmp_path / "out")


@pytest.mark.parametrize("keep", [0, 100, 700, 1200])
def test_truncated_archive_is_refused(tmp_path: Path, keep: int):
    archive = pack(tmp_path / "a.tar", entry("x", b"1" * 2000))
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(RefusedError, match="damaged"):
        packages.unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
def test_compressed_archive_is_refused(tmp_path: Path, mode: str):
    with tarfile.open(tmp_path / "a.tar", mode) as tar:
        member, data = entry("x", b"1")
        tar.addfile(member, io.BytesIO(data))
    with pytest.raises(RefusedError, match="damaged"):
        packages.unpack(tmp_path / "a.tar", tmp_path / "out")


def manifest(folder: Path, **parts: object) -> Path:
    whole = {"id": "demo", "version": "1", "scripts": ["install.sh"], "inputs": [], **parts}
    (folder / "manifest.json").write_text(json.dumps(whole), encoding="utf-8")
    (folder / "install.sh").write_text("exit 0", encoding="utf-8")
    return folder


def test_manifest_of_the_ordered_package_is_accepted(tmp_path: Path):
    declared = [{"name": "x", "type": "port"}]
    found = packages.read_manifest(manifest(tmp_path, inputs=declared), ORDER)
    assert list(found.inputs) == declared
    assert (tmp_path / "install.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "parts",
    [
        {"id": "other"},
        {"version": "2"},
        {"version": 1},
        {"scripts": ["check.sh"]},
        {"scripts": "install.sh"},
        {"scripts": None},
        {"inputs": {}},
        {"inputs": ["x"]},
    ],
)
def test_manifest_that_does_not_fit_is_refused(tmp_path: Path, parts: dict[str, object]):
    with pytest.raises(RefusedError):
        packages.read_manifest(manifest(tmp_path, **parts), ORDER)


def test_package_for_another_system_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    release = {"ID": "debian", "VERSION_ID": "11", "PRETTY_NAME": "Debian 11"}
    monkeypatch.setattr(packages.requirements, "read_release", lambda: release)
    manifest(tmp_path, systems={"debian": "12"})
    with pytest.raises(RefusedError, match="needs debian 12 or newer; this is Debian 11"):
        packages.read_manifest(tmp_path, ORDER)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 100_000, b"\xff"])
def test_manifest_that_cannot_be_read_is_refused(tmp_path: Path, raw: bytes):
    manifest(tmp_path)
    (tmp_path / "manifest.json").write_bytes(raw)
    with pytest.raises(RefusedError):
        packages.read_manifest(tmp_path, ORDER)


def test_listed_script_that_is_not_there_is_refused(tmp_path: Path):
    (manifest(tmp_path) / "install.sh").unlink()
    with pytest.raises(RefusedError, match="does not hold"):
        packages.read_manifest(tmp_path, ORDER)
