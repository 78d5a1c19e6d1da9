"""Real Git over real HTTPS: what is fetched, and what hostile repositories and servers achieve."""

import os
from pathlib import Path

import pytest
from tests.support import repositories
from tests.support.repositories import HOST, Repository, Server, package

from stead.sources import checks, git, reading
from stead.sources.errors import RepositoryError, UnsignedError
from stead.sources.git import Remote
from stead.sources.reading import Found


def remote(hub: Server, name: str, ref: str = "main", **changes: object) -> Remote:
    place = checks.address(hub.url(name))
    known = {"endpoints": ("127.0.0.1",), "authority": hub.authority, **changes}
    return Remote(place=place, ref=ref, **known)  # type: ignore[arg-type]


async def fetched(hub: Server, repository: Repository, folder: Path, ref: str = "main") -> str:
    git.clear(folder)
    return await git.fetch(folder, remote(hub, repository.folder.name, ref))


async def found(hub: Server, repository: Repository, folder: Path) -> dict[str, Found]:
    commit = await fetched(hub, repository, folder)
    return {one.name: one for one in await reading.packages(folder, commit, "")}


async def test_a_branch_a_tag_and_a_commit_are_fetched_whatever_surrounds_us(
    hub: Server, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = repository.commit(package())
    repository.git("tag", "v1")
    second = repository.commit(package(version="2.0.0"))
    repositories.poison(monkeypatch, tmp_path)
    assert await fetched(hub, repository, tmp_path / "a") == second
    assert await fetched(hub, repository, tmp_path / "b", "tags/v1") == first
    assert await fetched(hub, repository, tmp_path / "c", first) == first
    read = await reading.packages(tmp_path / "c", first, "")
    assert [(one.name, one.version, one.problems) for one in read] == [("demo", "1.0.0", ())]
    assert not list((tmp_path / "a").rglob("install.sh")), "nothing is ever checked out"


async def test_only_the_pinned_address_is_called_and_its_certificate_verified(
    hub: Server, repository: Repository, tmp_path: Path
):
    repository.commit(package())
    elsewhere = remote(hub, repository.folder.name, endpoints=("127.0.0.2",))
    untrusted = remote(hub, repository.folder.name, authority="")
    for one, why in ((elsewhere, "connect"), (untrusted, "certificate")):
        git.clear(tmp_path / "x")
        with pytest.raises(RepositoryError, match=why):
            await git.fetch(tmp_path / "x", one)


async def test_a_commit_counts_as_signed_by_the_sources_own_keys_alone(
    hub: Server, repository: Repository, tmp_path: Path
):
    ours, line = repositories.key(tmp_path, "ada")
    theirs, other = repositories.key(tmp_path, "eve")
    good = repository.commit(package(), key=ours)
    await fetched(hub, repository, tmp_path / "a")
    assert await git.signer(tmp_path / "a", good, checks.signers([line])) == "ada"
    with pytest.raises(UnsignedError):
        await git.signer(tmp_path / "a", good, checks.signers([other]))
    for bad in (repository.commit(), repository.commit(key=theirs)):
        await fetched(hub, repository, tmp_path / "b")
        with pytest.raises(UnsignedError):
            await git.signer(tmp_path / "b", bad, checks.signers([line]))


async def test_links_submodules_and_pointers_are_refused_and_hide_no_other_package(
    hub: Server, repository: Repository, tmp_path: Path
):
    repository.write({**package("good"), **package("link"), **package("module")})
    repository.write({**package("large"), ".hidden/manifest.yml": "x", "docs/index.md": "x"})
    (repository.folder / "link" / "shadow").symlink_to("/etc/shadow")
    (repository.folder / "out").symlink_to("/etc")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    repository.write({"large/data.bin": pointer})
    first = repository.commit()
    cacheinfo = f"160000,{first},module/inner"
    repository.git("update-index", "--add", "--cacheinfo", cacheinfo)
    repository.git("commit", "-q", "-m", "a submodule")
    told = await found(hub, repository, tmp_path / "a")
    assert {name: bool(one.problems) for name, one in told.items()} == {
        "good": False,
        "large": True,
        "link": True,
        "module": True,
        "out": True,
    }
    assert "shadow: is a link" in told["link"].problems[0]
    assert "inner: is a submodule" in told["module"].problems[0]
    assert "Git LFS" in told["large"].problems[0]


async def test_hooks_filters_and_settings_of_a_repository_do_nothing(
    hub: Server, repository: Repository, tmp_path: Path
):
    trap = f"#!/bin/sh\ntouch {tmp_path}/trapped\n"
    repository.write({**package(), ".gitattributes": "* filter=trap export-subst ident\n"})
    repository.write({"demo/hooks/post-checkout": trap, "demo/note.txt": "$Id$ $Format:%H$\n"})
    repository.git("config", "filter.trap.clean", "cat")
    repository.commit()
    for hook in ("post-checkout", "post-merge", "reference-transaction"):
        path = repository.folder / ".git/hooks" / hook
        path.write_text(trap)
        path.chmod(0o755)
    read = await found(hub, repository, tmp_path / "a")
    assert read["demo"].files["note.txt"] == b"$Id$ $Format:%H$\n", "bytes as they were committed"
    assert not (tmp_path / "trapped").exists()


async def test_a_huge_file_costs_neither_memory_nor_the_other_packages(
    hub: Server, repository: Repository, tmp_path: Path
):
    repository.write({**package("good"), **package("huge")})
    repository.write({"huge/zeros": b"\0" * (64 * 1024 * 1024)})
    repository.commit()
    read = await found(hub, repository, tmp_path / "a")
    assert "larger than 16 MiB" in read["huge"].problems[0]
    assert read["good"].problems == ()


async def test_a_tree_that_unfolds_to_billions_of_files_is_given_up(
    hub: Server, repository: Repository, tmp_path: Path
):
    """Ten trees of ten times the same tree: small to send, endless to list."""
    blob = repository.git("hash-object", "-w", "--stdin", feed=b"x")
    tree = repository.git("mktree", feed=f"100644 blob {blob}\tfile\n".encode())
    for _ in range(10):
        lines = "".join(f"040000 tree {tree}\td{at}\n" for at in range(10))
        tree = repository.git("mktree", feed=lines.encode())
    commit = repository.git("commit-tree", tree, "-m", "bomb")
    repository.git("update-ref", "refs/heads/main", commit)
    with pytest.raises(RepositoryError, match="given up"):
        await found(hub, repository, tmp_path / "a")


async def test_a_pack_without_end_is_cut_off(
    hub: Server, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(git, "PACK_LIMIT", 64 * 1024)
    repository.write({**package(), "demo/noise": os.urandom(300_000)})
    repository.commit()
    with pytest.raises(RepositoryError):
        await fetched(hub, repository, tmp_path / "a")


async def test_redirects_are_not_followed(hub: Server, repository: Repository, tmp_path: Path):
    repository.commit(package())
    target = f"/{repository.folder.name}/.git"
    hub.redirects["/moved/.git"] = f"https://{HOST}:{hub.port}{target}"
    before = len(hub.asked)
    git.clear(tmp_path / "a")
    with pytest.raises(RepositoryError, match="did not give us"):
        await git.fetch(tmp_path / "a", remote(hub, "moved"))
    assert [path for path in hub.asked[before:] if path.startswith(target)] == []


async def test_git_itself_refuses_every_other_transport(tmp_path: Path, hub: Server):
    """Should an address pass our own look at it, Git does not know the transport."""
    place = checks.address(hub.url("x"))
    for url in (
        "file:///etc",
        "ext::sh -c touch% /tmp/x",
        "git://127.0.0.1/x",
        "http://127.0.0.1/",
    ):
        git.clear(tmp_path / "a")
        checkout = git.Checkout(tmp_path / "a")
        await checkout.git("init", "--bare", "--quiet", str(checkout.repository))
        settings, _ = git._transport(tmp_path / "a", Remote(place, ("127.0.0.1",), "main"))
        answer = await checkout.git("fetch", "--", url, settings=settings)
        assert (answer.code, "not allowed" in answer.errors) == (128, True), answer.errors


async def test_an_empty_repository_says_that_it_is(
    hub: Server, repository: Repository, tmp_path: Path
):
    repository.commit({"README.md": "nothing here"})
    with pytest.raises(RepositoryError, match="holds no package"):
        await found(hub, repository, tmp_path / "a")
