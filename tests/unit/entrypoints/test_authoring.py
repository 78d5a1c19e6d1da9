"""The verbs of package authors, as far as they need no container."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from stead.catalog import loader
from stead.entrypoints import authoring


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(authoring.app, ["catalog", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_new_package_is_sound_provable_and_named_after_its_folder(tmp_path: Path):
    run("new", tmp_path / "my-blog")
    assert "no faults" in run("lint", tmp_path / "my-blog")
    package = loader.load_package(tmp_path / "my-blog")
    assert package.manifest.id == "my-blog"
    assert package.manifest.name == "My blog"
    assert package.proof is not None
    assert package.icon
    assert b"sample-app" not in package.archive
    assert (tmp_path / "my-blog" / "install.sh").stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["My-Blog", "a_b", "-x"])
def test_a_folder_that_cannot_be_an_id_is_refused(tmp_path: Path, name: str):
    assert "cannot be an id" in run("new", "--", tmp_path / name, code=1)


def test_nothing_that_exists_is_overwritten(tmp_path: Path):
    run("new", tmp_path / "my-blog")
    (tmp_path / "my-blog" / "install.sh").write_text("mine")
    assert "is there already" in run("new", tmp_path / "my-blog", code=1)
    assert (tmp_path / "my-blog" / "install.sh").read_text() == "mine"


def test_lint_names_file_line_and_fix_of_every_package(tmp_path: Path):
    for name in ("one", "two"):
        run("new", tmp_path / name)
    manifest = tmp_path / "two" / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("summary:", "summery:"))
    (tmp_path / "one" / "check.sh").write_text("#!/bin/bash\n")
    told = run("lint", tmp_path, code=1)
    assert f"{tmp_path}/two/manifest.yml:5: summery is not a key" in told
    assert "write summary" in told
    assert f"{tmp_path}/one/check.sh:1: does not set -eu" in told
    assert "2 faults in 2 package(s)" in told


def test_lint_looks_at_the_built_in_packages_by_itself():
    assert "no faults" in run("lint")


def test_what_nobody_can_prove_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run("new", tmp_path / "far-away")
    with (tmp_path / "far-away" / "proof.yml").open("a") as terms:
        terms.write("unproven: its vendor is out of reach\n")
    monkeypatch.setattr(authoring, "BUILT_IN", tmp_path)
    monkeypatch.delattr(authoring, "_prove_all")
    told = run("test", "--all")
    assert "far-away 0.1.0: not proven, its vendor is out of reach" in told
    assert "Nothing is left to prove" in told


@pytest.mark.parametrize("words", [("test",), ("test", "/missing"), ("lint", "/missing")])
def test_nothing_to_look_at_is_a_mistake(words: tuple[str, ...]):
    run(*words, code=2)


def test_a_broken_package_is_not_taken_to_a_container(tmp_path: Path):
    run("new", tmp_path / "one")
    (tmp_path / "one" / "check.sh").unlink()
    assert "check.sh: is missing" in run("test", tmp_path / "one", code=1)
