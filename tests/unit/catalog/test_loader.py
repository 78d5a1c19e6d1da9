import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from tests.unit.catalog.builders import SCRIPT, asked, folder

from stead.catalog import folders, loader
from stead.catalog.errors import UnknownPackageError
from stead.catalog.loader import BUILT_IN, load

FIRST = {
    *("datasette", "docker", "gitolite", "mariadb", "nginx", "node-exporter"),
    *("openldap", "postgresql", "prometheus", "redis", "static-site", "wordpress"),
}


def only_fault(place: Path):
    catalog = load([place])
    assert not catalog.packages
    return "\n".join(str(problem) for problem in catalog.broken[0].problems)


def members(package: loader.Package):
    with tarfile.open(fileobj=io.BytesIO(package.archive)) as archive:
        return {member.name: member for member in archive}


def test_all_packages_that_we_ship_are_sound():
    catalog = load([BUILT_IN])
    assert catalog.broken == ()
    assert set(catalog.packages) >= FIRST
    for package in catalog.packages.values():
        assert package.readme
        assert package.icon
        assert package.manifest.summary
        assert package.proof
        assert {"check.sh", "uninstall.sh"} < set(package.manifest.scripts)


def test_a_broken_package_hides_no_other(tmp_path: Path):
    folder(tmp_path, "alpha")
    folder(tmp_path, "beta", timeout_seconds="soon")
    catalog = load([tmp_path])
    assert list(catalog.packages) == ["alpha"]
    assert catalog.broken[0].folder.name == "beta"


def test_a_missing_place_is_reported(tmp_path: Path):
    folder(tmp_path / "real")
    catalog = load([tmp_path / "gone", tmp_path / "real"])
    assert list(catalog.packages) == ["demo"]
    assert "cannot be read" in str(catalog.broken[0].problems[0])


def test_the_first_of_two_packages_with_one_id_wins(tmp_path: Path):
    folder(tmp_path / "one", author="First")
    folder(tmp_path / "two", author="Second")
    catalog = load([tmp_path / "one", tmp_path / "two"])
    assert catalog.get("demo").manifest.author == "First"
    assert "found first" in str(catalog.broken[0].problems[0])


def test_an_unknown_package_is_not_found_and_says_where_to_look(tmp_path: Path):
    with pytest.raises(UnknownPackageError) as caught:
        load([tmp_path]).get("demo")
    assert "stead apps" in caught.value.hint


def test_the_digest_depends_on_content_alone(tmp_path: Path):
    first, second = folder(tmp_path / "one"), folder(tmp_path / "two")
    (second / "install.sh").chmod(0o600)
    os.utime(second / "install.sh", (0, 0))
    (second / ".hidden").write_text("left out")
    (second / "README.md").write_text("# For people")
    one, two = loader.load_package(first), loader.load_package(second)
    assert one.digest == two.digest
    (second / "install.sh").write_text(SCRIPT + "true\n")
    assert loader.load_package(second).digest != one.digest


def test_the_archive_holds_what_an_agent_needs(tmp_path: Path):
    path = folder(tmp_path, inputs=[asked("key_one", "password", generate=True)])
    (path / "files").mkdir()
    (path / "files" / "page.html").write_text("<p>")
    package = loader.load_package(path)
    found = members(package)
    names = ["files", "files/page.html", "install.sh", "manifest.json", "stead.sh"]
    assert list(found) == names
    assert found["install.sh"].mode == 0o755
    assert found["files/page.html"].mode == 0o644
    assert {(one.uid, one.gid, one.mtime, one.uname) for one in found.values()} == {(0, 0, 0, "")}
    with tarfile.open(fileobj=io.BytesIO(package.archive)) as archive:
        source = archive.extractfile("manifest.json")
        assert source is not None
        assert json.load(source) == {
            "id": "demo",
            "version": "1.0.0",
            "systems": {"debian": "12"},
            "scripts": ["install.sh"],
            "inputs": [
                {
                    "name": "key_one",
                    "type": "password",
                    "required": False,
                    "default": None,
                    "sensitive": True,
                    "validation": {},
                }
            ],
        }


def test_the_folder_is_named_like_the_package(tmp_path: Path):
    folder(tmp_path, "demo").rename(tmp_path / "other")
    assert "manifest.yml:1: differs from its folder; say other" in only_fault(tmp_path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "is missing"),
        ("set -eu\n", "does not begin"),
        ("#!/usr/bin/python3\nset -eu\n", "does not begin"),
        ("#!/bin/bash\necho hello\nset -eu\n", "set -eu"),
        ("#!/bin/bash\n", "set -eu"),
        ("#!/bin/bash\nset -e\n", "set -eu"),
    ],
)
def test_a_script_stops_at_its_first_failure(tmp_path: Path, script: str | None, words: str):
    path = folder(tmp_path) / "install.sh"
    path.unlink()
    if script is not None:
        path.write_text(script)
    assert words in only_fault(tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "stead.sh"])
def test_names_that_we_fill_in_are_refused(tmp_path: Path, name: str):
    (folder(tmp_path) / name).write_text(SCRIPT)
    assert "name that we fill in" in only_fault(tmp_path)


def test_links_are_refused(tmp_path: Path):
    (folder(tmp_path) / "passwd").symlink_to("/etc/passwd")
    assert "passwd: is a link" in only_fault(tmp_path)


def test_a_linked_manifest_is_refused(tmp_path: Path):
    path = folder(tmp_path)
    (path / "manifest.yml").rename(tmp_path / "elsewhere.yml")
    (path / "manifest.yml").symlink_to(tmp_path / "elsewhere.yml")
    assert "is a link" in only_fault(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path):
    os.mkfifo(folder(tmp_path) / "pipe")
    assert "pipe: is neither a file nor a folder" in only_fault(tmp_path)


def test_a_package_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folders, "PACKAGE_LIMIT", 1000)
    (folder(tmp_path) / "big").write_bytes(b"x" * 1001)
    assert "big: makes the package larger" in only_fault(tmp_path)


def test_a_manifest_is_bounded(tmp_path: Path):
    (folder(tmp_path) / "manifest.yml").write_bytes(b"#" * (256 * 1024 + 1))
    assert "larger than 256 KiB" in only_fault(tmp_path)


def test_a_manifest_of_nonsense_is_reported(tmp_path: Path):
    (folder(tmp_path) / "manifest.yml").write_bytes(bytes(range(256)) * 800)
    assert "manifest.yml:" in only_fault(tmp_path)


@pytest.mark.parametrize("depth", [9, 30])
def test_folders_are_not_nested_without_end(tmp_path: Path, depth: int):
    deep = folder(tmp_path).joinpath(*["d"] * depth)
    deep.mkdir(parents=True)
    assert "nested too deeply" in only_fault(tmp_path)


@pytest.mark.parametrize(
    "drawing",
    [
        "<script/>",
        '<path onclick="x"/>',
        '<path style="x"/>',
        '<a href="//x"/>',
        '<path fill="url(//x)"/>',
        "<foreignObject/>",
        "<!-- -->",
        "<path>",
    ],
)
def test_an_icon_is_a_plain_drawing(tmp_path: Path, drawing: str):
    icon = f'<svg xmlns="http://www.w3.org/2000/svg">{drawing}</svg>'
    (folder(tmp_path) / "icon.svg").write_text(icon)
    assert "icon.svg: " in only_fault(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "password=hunter2",
        'DB_PASSWORD="${PASSWORD:-changeme}"',
        "  admin_token: s3cret-word",
        'say \'{"password": "hunter2"}\'',
        "rootpw = secret",
    ],
)
def test_a_secret_that_everybody_can_read_is_refused(tmp_path: Path, line: str):
    (folder(tmp_path) / "install.sh").write_text(f"{SCRIPT}\n{line}\n")
    assert "install.sh:4: sets a secret that everybody can read" in only_fault(tmp_path)


def test_a_lock_file_may_name_packages_like_secrets_but_holds_none(tmp_path: Path):
    lock = folder(tmp_path) / "package-lock.json"
    lock.write_text('{\n "oauth2-client-password": "0.1.2",\n "x": "^1.0.0-rc.1"\n}\n')
    assert loader.load_package(lock.parent).manifest.id
    lock.write_text('{\n "password": "hunter2",\n "x": "1.0.0"\n}\n')
    assert "package-lock.json:2: sets a secret" in only_fault(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "password=$PASSWORD",
        "# password=hunter2",
        "password_encryption = 'scram-sha-256'",
        "PGPASSWORD=${PASSWORD:?} psql",
        "needs_token=true",
        'password = os.environ["PASSWORD"]',
        "token = read_it(path)",
        "echo the password is kept by reference",
    ],
)
def test_speaking_of_secrets_is_no_fault(tmp_path: Path, line: str):
    (folder(tmp_path) / "install.sh").write_text(f"{SCRIPT}\n{line}\n")
    assert not load([tmp_path]).broken
