"""A bundle in real containers: wired, reached by its neighbour, and taken away whole."""

import json

import pytest
from tests.support.incus import Incus
from tests.support.stead import Stead

pytestmark = pytest.mark.timeout(300)
# One answers its neighbour; what nobody is wired to answers nobody.
ASK = "import urllib.request as u; print(u.urlopen('http://{}/', timeout=5).read().decode())"


def guests(incus: Incus, name: str) -> list[str]:
    return [one for one in incus.instances() if one.startswith(f"{name}-")]


def asked(incus: Incus, name: str, address: str) -> str:
    (guest,) = guests(incus, name)
    words = ("exec", guest, "--project", incus.project, "--", "python3", "-c", ASK.format(address))
    try:
        return incus.command(*words).strip()
    except RuntimeError as error:
        return str(error)


@pytest.mark.release
def test_members_are_wired_reach_each_other_and_go_together(stead: Stead, incus: Incus):
    stead.admin("cli-login")
    said = stead.cli("bundle", "deploy", "pair", "--name", "both", "--set", "one.text=hello")
    assert "both is live" in said
    shown = {
        name: json.loads(stead.cli("show", f"both-{name}", "--json", "--reveal"))
        for name in ("one", "two")
    }
    assert shown["two"]["inputs"]["text"] == shown["one"]["address"]
    assert shown["one"]["outputs"][0]["value"] == shown["two"]["outputs"][0]["value"]
    secret = shown["one"]["outputs"][0]["value"]
    assert secret not in stead.log("serve")
    assert asked(incus, "both-two", shown["one"]["address"]) == "hello"
    # The neighbour that nobody is wired to stays as alone as every other.
    stead.cli("deploy", "quick", "--name", "alone")
    alone = json.loads(stead.cli("show", "alone", "--json"))
    assert "URLError" in asked(incus, "both-two", alone["address"])
    stead.cli("remove", "alone", "--yes")
    stead.cli("bundle", "remove", "both", "--yes")
    assert guests(incus, "both") == []
    assert "both" not in stead.cli("bundle", "list")


@pytest.mark.release
def test_a_member_that_fails_takes_the_others_with_it(stead: Stead, incus: Incus):
    stead.admin("cli-login")
    words = ("--name", "broken", "--set", "two.install_passes=false")
    said = stead.cli("bundle", "deploy", "pair", *words, code=9)
    assert "two could not be deployed" in said
    assert guests(incus, "broken") == []
    assert "broken" not in stead.cli("list") + stead.cli("bundle", "list")
