"""Importing helper scripts: text in, a draft out that nobody is offered before it is confirmed."""

import json
from pathlib import Path

import pytest
import yaml
from tests.unit.catalog.importing import samples
from typer.testing import CliRunner

from stead.catalog import loader
from stead.catalog.errors import PackageError
from stead.catalog.importing import checkout, confirm, draft, script
from stead.catalog.importing.checkout import UnreadableError
from stead.entrypoints import authoring


def made(folder: Path, **changes: str) -> draft.Draft:
    return draft.make(checkout.read(samples.checkout(folder, **changes)))


def manifest(one: draft.Draft) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(one.files["manifest.yml"])
    return found


def test_the_manifest_says_what_the_scripts_do(tmp_path: Path):
    told = manifest(made(tmp_path))
    assert (told["id"], told["name"], told["author"]) == (
        "paper-shelf",
        "Paper Shelf",
        "Ada Example",
    )
    assert told["version"] == f"0.0.0+{samples.COMMIT[:12]}"
    assert told["description"] == "Keeps papers. All of them."
    assert told["tags"] == ["documents", "archive"]
    needs = {"min_ram_mb": 2048, "min_disk_mb": 8192, "min_cores": 2}
    assert told["resource_requirements"] == needs
    assert told["services"] == [
        {"name": "web", "protocol": "http", "port": 8096, "path": "/shelf"}
    ]


def test_prompts_become_inputs_with_the_authors_answer(tmp_path: Path):
    one = made(tmp_path)
    inputs = {each["name"]: each for each in manifest(one)["inputs"]}  # type: ignore[attr-defined]
    kinds = {name: (each["type"], each.get("default")) for name, each in inputs.items()}
    assert kinds == {
        "ask_add_search": ("boolean", False),
        "ask_install_thumbnails": ("boolean", True),
        "ask_name_of_shelf": ("string", None),
        "ask_admin_password": ("password", None),
    }
    lines = one.files["install.sh"].splitlines()
    assert 'prompt="$([ "$ASK_ADD_SEARCH" = true ] && echo y || echo n)"' in lines
    assert 'SHELF="$ASK_NAME_OF_SHELF"' in lines
    reads = [line for line in lines if line.startswith("read ")]
    assert reads == ['read -r -p "this is no prompt" text'], "what a file holds stays as it is"


def test_their_frame_goes_and_what_they_installed_stays(tmp_path: Path):
    text = made(tmp_path).files["install.sh"]
    assert text.startswith("#!/bin/bash\nset -euo pipefail\n")
    assert "FUNCTIONS_FILE_PATH" not in text
    assert "motd_ssh" not in text
    assert "$STD apt-get install -y nginx" in text
    assert "# License: MIT" in text


def test_the_review_names_the_line_of_everything_that_is_left(tmp_path: Path):
    review = made(tmp_path).files[draft.REVIEW]
    assert f"at commit {samples.COMMIT}" in review
    for point in (
        "line 27: calls setup_nodejs, which comes from their library",
        "line 28: calls fetch_and_deploy_gh_release",
        "line 29: runs what a server sends",
        "a known password",
        "update_script was left out",
    ):
        assert point in review, review
    assert (
        "line 19, `ask_add_search`: Would you like to add the search (answered with no)" in review
    )


def test_a_draft_is_not_offered_until_what_was_seen_is_confirmed(tmp_path: Path):
    folder = draft.write(made(tmp_path / "checkout"), tmp_path)
    catalog = loader.load([tmp_path])
    assert "paper-shelf" not in catalog.packages
    with pytest.raises(PackageError, match="is a draft that nobody has confirmed"):
        loader.load_package(folder)
    seen = confirm.digest(folder)
    (folder / "install.sh").write_text((folder / "install.sh").read_text() + "true\n")
    with pytest.raises(UnreadableError, match="is not what was confirmed"):
        confirm.enable(folder, seen)
    confirm.enable(folder, confirm.digest(folder))
    package = loader.load_package(folder)
    assert package.manifest.version == f"0.0.0+{samples.COMMIT[:12]}"
    sent = package.archive
    assert b"REVIEW" not in sent
    assert b"FUNCTIONS_FILE_PATH" not in sent, "what it was made from is not sent to guests"


def test_a_draft_that_is_no_sound_package_cannot_be_confirmed(tmp_path: Path):
    folder = draft.write(made(tmp_path / "checkout"), tmp_path)
    (folder / "manifest.yml").write_text("id: paper-shelf\n")
    with pytest.raises(UnreadableError, match="no sound package yet"):
        confirm.enable(folder, confirm.digest(folder))


def test_nothing_of_a_hostile_script_runs(tmp_path: Path):
    trap = f"touch {tmp_path}/trapped"
    install = (
        f'#!/bin/bash\n$({trap})\n`{trap}`\nread -r -p "$({trap})" "x"\nread -p "a" y\n{trap}\n'
    )
    one = made(tmp_path / "c", install=install, container=f'APP="$({trap})"\n{trap}\n')
    draft.write(one, tmp_path)
    assert not (tmp_path / "trapped").exists()
    assert "in a way that was not understood" in one.files[draft.REVIEW]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n" * 1000,
        "cat <<EOF\nnever ends",
        "cat <<A <<B\nA\nB\nread -p 'x' y",
        "read -r -p 'half \"",
        "é" * 5000,
        'read -p "" x',
        "read -p 'x <y/N>' " + "a" * 3000,
    ],
)
def test_odd_texts_still_make_a_draft(tmp_path: Path, text: str):
    assert made(tmp_path, install=text).open_points > 0


def test_equal_prompts_get_names_of_their_own():
    text = "".join('read -r -p "Add it? <y/N> " prompt\n' for _ in range(3))
    names = [one.name for one in script.rewrite(text).questions]
    assert names == ["ask_add_it", "ask_add_it_2", "ask_add_it_3"]


def test_what_is_not_pinned_is_not_imported(tmp_path: Path):
    path = samples.checkout(tmp_path)
    (tmp_path / ".git/refs/heads/main").unlink()
    with pytest.raises(UnreadableError, match="no commit yet"):
        checkout.read(path)
    (tmp_path / ".git/packed-refs").write_text(f"# pack\n{samples.COMMIT} refs/heads/main\n")
    assert checkout.read(path).revision == samples.COMMIT
    (tmp_path / ".git/HEAD").write_text("ref: refs/../../../etc/passwd\n")
    with pytest.raises(UnreadableError, match="no checkout"):
        checkout.read(path)


def test_links_binaries_and_endless_files_are_not_read(tmp_path: Path):
    path = samples.checkout(tmp_path)
    for content in (b"\0", b"\xff\xfe", b"x" * (checkout.FILE_LIMIT + 1)):
        path.write_bytes(content)
        with pytest.raises(UnreadableError):
            checkout.read(path)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(UnreadableError, match="cannot be read"):
        checkout.read(path)


def test_the_command_line_imports_a_checkout_and_asks_for_what_was_seen(tmp_path: Path):
    samples.checkout(tmp_path / "checkout")
    run = CliRunner()
    words = ["catalog", "import", str(tmp_path / "checkout"), "--into", str(tmp_path / "out")]
    done = run.invoke(authoring.app, words)
    assert done.exit_code == 0, done.output
    assert "points for a person" in done.output
    folder = tmp_path / "out/paper-shelf"
    assert json.loads((folder / loader.DRAFT).read_text())["commit"] == samples.COMMIT
    assert run.invoke(authoring.app, words).exit_code == 1, "nothing is written over"
    shown = run.invoke(authoring.app, ["catalog", "confirm", str(folder)])
    assert shown.exit_code == 2
    assert "-source /dev/stdin" in shown.output
    digest = shown.output.rpartition("digest ")[2].split()[0]
    agreed = ["catalog", "confirm", str(folder), "--digest", digest]
    assert run.invoke(authoring.app, agreed).exit_code == 0
    assert not (folder / loader.DRAFT).exists()
