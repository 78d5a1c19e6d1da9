"""What may name a repository, a branch, a folder, a key; everything else never reaches Git."""

import pytest
from tests.support.keys import ED25519

from stead.sources import checks
from stead.sources.errors import SourceAddressError


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://git.example.org/ours.git", "https://git.example.org/ours.git"),
        ("https://GIT.example.org:443/a/b", "https://git.example.org/a/b"),
        ("https://git.example.org:8443/a", "https://git.example.org:8443/a"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]/a"),
        ("ssh://me@git.example.org:2222/a", "ssh://me@git.example.org:2222/a"),
        ("ssh://git.example.org/a", "ssh://git@git.example.org/a"),
        ("git@git.example.org:group/ours.git", "ssh://git@git.example.org/group/ours.git"),
    ],
)
def test_addresses_are_written_in_one_way(given: str, url: str):
    assert checks.address(given).url == url


@pytest.mark.parametrize(
    "given",
    [
        "",
        "http://git.example.org/a",
        "git://git.example.org/a",
        "file:///etc",
        "/etc",
        "../etc",
        "ext::sh -c id",
        "ext::sh% -c% id",
        "fd::17",
        "--upload-pack=id",
        "-oProxyCommand=id",
        "ssh://-oProxyCommand=id/a",
        "ssh://git@-oProxyCommand=id/a",
        "ssh://-l@git.example.org/a",
        "-l@git.example.org:a",
        "https://user:secret@git.example.org/a",
        "https://user@git.example.org/a",
        "https://git.example.org",
        "https://git.example.org/",
        "https://git.example.org/a?b=c",
        "https://git.example.org/a#b",
        "https://git.example.org/a b",
        "https://git.example.org/a\nb",
        "https://git.example.org/../a",
        "https://git.example.org/a/..",
        "https://git.example.org//a",
        "https://git.example.org:0/a",
        "https://git.example.org:65536/a",
        "https://git.example.org:1:2/a",
        "https://git_example.org/a",
        "https://gít.example.org/a",
        "git@git.example.org://a",
        "git@git.example.org:a/../b",
        "git@git.example.org:$(id)",
        "https://git.example.org/" + "a" * 400,
    ],
)
def test_anything_else_is_no_address(given: str):
    with pytest.raises(SourceAddressError):
        checks.address(given)


@pytest.mark.parametrize("given", ["main", "release/2.0", "tags/v1.0", "0" * 40, "a_b-c+d"])
def test_branches_tags_and_commits_can_be_followed(given: str):
    spec = checks.refspec(checks.ref(given), "refs/x")
    assert spec.startswith("+")
    assert spec.endswith(":refs/x")


@pytest.mark.parametrize(
    "given",
    ["", "-f", "--all", "a..b", "a:b", "a b", "a^", "a~1", "+a", "a/", "a.lock", "/a", "a*"],
)
def test_anything_else_is_no_branch(given: str):
    with pytest.raises(SourceAddressError):
        checks.ref(given)


def test_a_branch_is_never_taken_for_a_tag_of_the_same_name():
    assert checks.refspec("main", "x") == "+refs/heads/main:x"
    assert checks.refspec("tags/main", "x") == "+refs/tags/main:x"
    assert checks.refspec("a" * 40, "x") == f"+{'a' * 40}:x"


@pytest.mark.parametrize("given", ["..", "a/../b", "-a", ".git", "a//b", "a b", "a:b", "a" * 201])
def test_folders_stay_inside(given: str):
    with pytest.raises(SourceAddressError):
        checks.folder(given)


def test_signers_are_public_keys_for_commits_alone():
    kept = checks.signers([f"{ED25519} ada@example.org", "", f"{ED25519} ada@example.org"])
    assert kept == [f"ada@example.org {ED25519}"]
    assert checks.allowed_signers(kept) == f'ada@example.org namespaces="git" {ED25519}\n'


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        f"cert-authority {ED25519}",
        f'* namespaces="file" {ED25519}',
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        ED25519.replace("ssh-ed25519", "ssh-dss"),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_anything_else_signs_nothing(line: str):
    with pytest.raises(SourceAddressError):
        checks.signers([line])


def test_a_name_that_would_change_the_file_of_signers_is_not_taken():
    kept = checks.signers([f'{ED25519} * namespaces="git,file"'])
    assert checks.allowed_signers(kept) == f'key-1 namespaces="git" {ED25519}\n'


def test_ssh_needs_the_keys_of_its_server_and_knows_that_one_alone():
    place = checks.address("ssh://git@git.example.org:2222/a")
    with pytest.raises(SourceAddressError):
        checks.hosts([], place)
    kept = checks.hosts(["# git.example.org:2222", f"git.example.org {ED25519}"], place)
    assert checks.known_hosts(kept, place) == f"[git.example.org]:2222 {ED25519}\n"
