import json
from pathlib import Path
from textwrap import dedent

import pytest

from stead.catalog import bundles, loader
from stead.catalog.bundles import LoadedBundle, load_bundle, load_bundles
from stead.catalog.errors import PackageError, UnknownBundleError

PACKAGES = Path("tests/packages")
KNOWN = loader.load([PACKAGES, loader.BUILT_IN]).packages
HEAD = """\
id: mine
name: Mine
version: 1.0.0
summary: Several
category: tests
author: Somebody
members:
"""


def made(folder: Path, members: str, head: str = HEAD) -> LoadedBundle:
    place = folder / "mine"
    place.mkdir()
    (place / "bundle.yml").write_text(head + dedent(members))
    return load_bundle(place, KNOWN)


def faults(folder: Path, members: str) -> list[str]:
    with pytest.raises(PackageError) as caught:
        made(folder, members)
    return [str(one) for one in caught.value.problems]


def test_members_come_after_those_that_they_are_wired_to():
    loaded = load_bundle(PACKAGES / "pair", KNOWN)
    assert loaded.order == ("one", "two")
    assert loaded.bundle.providers == {"one"}


def test_what_the_bundle_answers_is_not_asked():
    loaded = load_bundle(PACKAGES / "pair", KNOWN)
    asked = {
        one.name: [each.name for each in loaded.asks(one).inputs] for one in loaded.bundle.members
    }
    assert asked == {
        "one": ["text", "check_passes", "install_passes", "password"],
        "two": ["check_passes", "install_passes"],
    }


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        (
            "- {name: a, package: quick, version: '>=2 <3'}",
            "bundle.yml:8: a needs quick >=2 <3; 1.0.0 is in the catalog; change the range",
        ),
        (
            "- {name: a, package: nothing}",
            "bundle.yml:8: a needs nothing, which is not in the catalog; name a package of it",
        ),
        (
            "- {name: a, package: quick}\n- {name: a, package: quick}",
            "bundle.yml:9: a is there twice; rename one",
        ),
        (
            (
                "- {name: a, package: quick, wiring: {text: b.inside}}\n"
                "- {name: b, package: quick, wiring: {text: a.inside}}"
            ),
            (
                "bundle.yml:8: a and b wait for each other, or for a member that is not there;"
                " unwire one"
            ),
        ),
        (
            "- {name: a, package: quick}\n- {name: b, package: quick, wiring: {text: a.password}}",
            "bundle.yml:9: a.password is secret and text is not; wire it to a password",
        ),
        (
            "- {name: a, package: quick}\n- {name: b, package: quick, wiring: {nope: a.inside}}",
            "bundle.yml:9: quick asks for no nope; name one of its inputs",
        ),
        (
            "- {name: a, package: quick}\n- {name: b, package: quick, wiring: {text: a.nope}}",
            "bundle.yml:9: a.nope is given by nobody; name an output of a member, or .inside",
        ),
        (
            "- {name: a, package: quick, inputs: {password: everybody-knows}}",
            "bundle.yml:8: password is a secret that everybody could read; leave it to be made",
        ),
        (
            "- {name: a, package: quick, inputs: {check_passes: 3}}",
            "bundle.yml:8: check_passes: This is not a value of type boolean.; correct it",
        ),
        (
            "- {name: a, package: quick, colour: red}",
            "bundle.yml:8: members.0.colour is not a key of a bundle; remove it",
        ),
    ],
)
def test_faults_say_line_and_fix(tmp_path: Path, members: str, fault: str):
    assert fault in faults(tmp_path, members)


def test_a_folder_that_differs_from_the_id_is_refused(tmp_path: Path):
    head = HEAD.replace("id: mine", "id: other")
    with pytest.raises(PackageError, match="differs from its folder"):
        made(tmp_path, "- {name: a, package: quick}", head)


def test_a_broken_bundle_hides_no_other_and_is_no_broken_package(tmp_path: Path):
    for name, text in (("mine", HEAD), ("good", HEAD.replace("id: mine", "id: good"))):
        (tmp_path / name).mkdir()
        members = "- {name: a, package: quick}\n" if name == "good" else "[]\n"
        (tmp_path / name / "bundle.yml").write_text(text + members)
    found = load_bundles([tmp_path, tmp_path / "absent"], KNOWN)
    assert list(found.known) == ["good"]
    assert [one.folder.name for one in found.broken] == ["mine"]
    assert loader.load([tmp_path]).broken == ()
    with pytest.raises(UnknownBundleError):
        found.get("mine")


def test_the_digest_follows_the_packages(tmp_path: Path):
    one = made(tmp_path, "- {name: a, package: quick}")
    changed = {**KNOWN, "quick": KNOWN["redis"]}
    assert load_bundle(tmp_path / "mine", changed).digest != one.digest


def test_the_built_in_bundles_are_whole_and_the_schema_is_published():
    found = load_bundles([loader.BUILT_IN], loader.load([loader.BUILT_IN]).packages)
    assert "monitoring" in found.known
    assert found.broken == ()
    published = json.loads(Path("docs/reference/bundle.schema.json").read_text())
    assert published == bundles.bundle_schema()
