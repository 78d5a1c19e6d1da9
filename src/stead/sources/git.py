"""Runs Git so that a hostile repository or server can do no more than fail.

Nothing is ever checked out: objects are fetched into an empty bare repository and read from
there, so that hooks, filters, links and submodules have nothing to act upon. The address was
resolved and judged before; neither Git nor ssh looks it up again.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stead.core.files import write_private
from stead.kit import process
from stead.kit.process import Piped, ProcessError
from stead.kit.secrets import Secret
from stead.sources import checks
from stead.sources.checks import Address
from stead.sources.errors import RepositoryError, UnsignedError

TARGET: Final = "refs/stead/found"
PACK_LIMIT: Final = 128 * 1024 * 1024
MEMORY_LIMIT: Final = 2 * 1024 * 1024 * 1024
FETCH_SECONDS: Final = 120
READ_SECONDS: Final = 60
LIST_LIMIT: Final = 8 * 1024 * 1024
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_GOOD: Final = re.compile(r'^Good "git" signature for (\S{1,200}) with ', re.MULTILINE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SAYS: Final = 300
_ALWAYS: Final = (
    "protocol.allow=never",
    "protocol.version=2",
    "core.hooksPath=/dev/null",
    "core.askPass=/bin/false",
    "core.bigFileThreshold=4m",
    "core.packedGitLimit=128m",
    "credential.helper=",
    "fetch.unpackLimit=1",
    "fetch.fsckObjects=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "gpg.program=/bin/false",
    "gpg.x509.program=/bin/false",
    "gpg.minTrustLevel=fully",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
)


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository somewhere, where it may be called, and by what it is trusted."""

    place: Address
    endpoints: tuple[str, ...]
    ref: str
    authority: str = ""
    host_keys: tuple[str, ...] = ()
    key: Secret | None = None
    token: Secret | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree: its mode, what it is, its size and its path."""

    mode: str
    digest: str
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A bare repository in a folder of its own, and how Git is called in it."""

    folder: Path

    @property
    def repository(self) -> Path:
        """Return where the objects lie."""
        return self.folder / "objects.git"

    async def git(
        self,
        *words: str,
        settings: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
        feed: bytes = b"",
        output_limit: int = 64 * 1024,
        limit_seconds: float = READ_SECONDS,
    ) -> Piped:
        """Call Git with our settings alone. Raises RepositoryError when it cannot end."""
        options = [word for one in (*_ALWAYS, *settings) for word in ("-c", one)]
        limits = (f"--fsize={PACK_LIMIT}", f"--as={MEMORY_LIMIT}", "--core=0", "--nofile=256")
        command = ["prlimit", *limits, f"--cpu={int(limit_seconds)}", "git", *options]
        try:
            return await process.pipe(
                [*command, f"--git-dir={self.repository}", *words],
                feed=feed,
                environment={**_environment(self.folder), **(more or {})},
                output_limit=output_limit,
                limit_seconds=limit_seconds,
            )
        except ProcessError as error:
            what = f"Reading the repository was given up: {error.reason}"
            raise RepositoryError(what) from error


def clear(folder: Path) -> None:
    """Make an empty folder; what a crash left in it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)


async def fetch(folder: Path, remote: Remote) -> str:
    """Fetch one commit without its history into an empty folder; return its id.

    Raises RepositoryError.
    """
    checkout = Checkout(folder)
    made = await checkout.git("init", "--bare", "--quiet", "--template=", str(checkout.repository))
    _require(made, "No repository can be made here")
    settings, more = _transport(folder, remote)
    words = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules")
    fetched = await checkout.git(
        *words,
        "--no-write-fetch-head",
        "--upload-pack=git-upload-pack",
        "--",
        remote.place.url,
        checks.refspec(remote.ref, TARGET),
        settings=settings,
        more=more,
        limit_seconds=FETCH_SECONDS,
    )
    _require(fetched, f"{remote.place.host} did not give us {remote.ref}")
    parsed = await checkout.git("rev-parse", "--verify", "--quiet", f"{TARGET}^{{commit}}")
    commit = parsed.output.decode(errors="replace").strip()
    if not _COMMIT.fullmatch(commit):
        raise RepositoryError(f"{remote.ref} is no commit")
    return commit


async def signer(folder: Path, commit: str, keys: Sequence[str]) -> str:
    """Return who of these signed a commit. Raises UnsignedError."""
    allowed = folder / "allowed_signers"
    write_private(allowed, checks.allowed_signers(keys).encode())
    settings = (f"gpg.ssh.allowedSignersFile={allowed}", "gpg.ssh.program=/usr/bin/ssh-keygen")
    checkout = Checkout(folder)
    # For ssh signatures --raw changes nothing, but Git then prints nothing else.
    answer = await checkout.git("verify-commit", "--raw", commit, settings=settings)
    found = _GOOD.search(answer.errors)
    if answer.code != 0 or found is None:
        raise UnsignedError(
            f"None of the source's keys signed commit {commit[:12]}",
            hint="Somebody may have changed the repository. Ask its authors before anything else",
        )
    return found[1]


async def entries(folder: Path, commit: str, inside: str) -> list[Entry]:
    """Return every file below a folder of a commit. Raises RepositoryError."""
    tree = f"{commit}:{inside}" if inside else commit
    words = ("ls-tree", "-r", "-z", "--long", "--full-tree", tree)
    answer = await Checkout(folder).git(*words, output_limit=LIST_LIMIT)
    _require(answer, f"There is no folder {inside} in it" if inside else "It cannot be read")
    return [_entry(line) for line in answer.output.split(b"\0") if line]


async def contents(folder: Path, wanted: Sequence[Entry]) -> list[bytes]:
    """Return the contents of files, in their order. Raises RepositoryError."""
    feed = "".join(f"{one.digest}\n" for one in wanted).encode()
    limit = sum(one.size + 100 for one in wanted)
    answer = await Checkout(folder).git("cat-file", "--batch", feed=feed, output_limit=limit)
    _require(answer, "Its files cannot be read")
    found, at = [], 0
    for one in wanted:
        end = answer.output.find(b"\n", at)
        header = answer.output[at:end].decode(errors="replace").split(" ")
        if header != [one.digest, "blob", str(one.size)]:
            raise RepositoryError(f"{one.path} cannot be read")
        found.append(answer.output[end + 1 : end + 1 + one.size])
        at = end + 2 + one.size
    return found


def _entry(line: bytes) -> Entry:
    facts, _, path = line.partition(b"\t")
    mode, _kind, digest, size = facts.decode("ascii", errors="replace").split()
    return Entry(mode, digest, int(size) if size.isdigit() else 0, path.decode(errors="replace"))


def _environment(folder: Path) -> dict[str, str]:
    """Return all that Git gets to know of its surroundings."""
    return {
        "PATH": _PATH,
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "https:ssh",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "SSH_ASKPASS": "/bin/false",
    }


def _transport(folder: Path, remote: Remote) -> tuple[list[str], dict[str, str]]:
    """Return the settings for one kind of transport, and what is too secret for a command line."""
    if remote.place.scheme == "ssh":
        return ["protocol.ssh.allow=always"], {"GIT_SSH_COMMAND": _ssh(folder, remote)}
    place = remote.place
    settings = [
        "protocol.https.allow=always",
        "http.followRedirects=false",
        "http.proxy=",
        "http.sslVerify=true",
        "http.lowSpeedLimit=1000",
        "http.lowSpeedTime=20",
    ]
    if remote.authority:
        authority = folder / "authority.pem"
        write_private(authority, remote.authority.encode())
        settings.append(f"http.sslCAInfo={authority}")
    pinned = ",".join(_bracketed(one) for one in remote.endpoints)
    if not place.host.startswith("["):
        settings.append(f"http.curloptResolve={place.host}:{place.port}:{pinned}")
    if remote.token is None:
        return settings, {}
    return settings, {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: {remote.token.reveal()}",
    }


def _ssh(folder: Path, remote: Remote) -> str:
    """Return how ssh is called: with this key, to this address, for this host's keys."""
    known, key = folder / "known_hosts", folder / "key"
    write_private(known, checks.known_hosts(remote.host_keys, remote.place).encode())
    write_private(key, remote.key.reveal().encode() if remote.key is not None else b"")
    name = remote.place.host
    port = remote.place.port
    options = (
        "BatchMode=yes",
        "ClearAllForwardings=yes",
        "ConnectTimeout=10",
        "GlobalKnownHostsFile=/dev/null",
        f"HostKeyAlias={name if port == checks.PORTS['ssh'] else f'[{name}]:{port}'}",
        f"Hostname={remote.endpoints[0]}",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PermitLocalCommand=no",
        "PreferredAuthentications=publickey",
        "ProxyCommand=none",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        f"UserKnownHostsFile={known}",
    )
    return f"ssh -F none -i {key} " + " ".join(f"-o {option}" for option in options)


def _bracketed(endpoint: str) -> str:
    return f"[{endpoint}]" if ":" in endpoint else endpoint


def _require(answer: Piped, what: str) -> None:
    if answer.code == 0:
        return
    lines = [line.strip() for line in answer.errors.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), "")
    # Where our files lie is nobody's business, and changes with each look.
    told = told.partition(" CAfile:")[0]
    said = "".join(letter for letter in told[:_SAYS] if letter.isprintable())
    raise RepositoryError(f"{what}: {said}" if said else what)
