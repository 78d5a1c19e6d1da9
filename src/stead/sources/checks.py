"""Which addresses, branches, folders and keys a source may have. Nothing here asks the network.

Git is given none of these words before they passed: it would read some as options or transports.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stead.sources.errors import SourceAddressError

PORTS: Final = {"https": 443, "ssh": 22}
SIGNERS_LIMIT: Final = 20
_ADDRESS: Final = re.compile(
    r"(?P<scheme>https|ssh)://(?:(?P<user>[a-z_][a-z0-9_-]{0,31})@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[A-Za-z0-9._~/+-]{1,300})"
)
_SHORT: Final = re.compile(r"([a-z_][a-z0-9_-]{0,31})@([A-Za-z0-9.-]{1,253}):(?!//)(.+)")
_REF: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,119}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_FOLDER_LENGTH: Final = 200
_KEY: Final = re.compile(r"(?P<kind>[a-z0-9@.-]{5,60}) (?P<data>[A-Za-z0-9+/]{20,4000}={0,2})")
_KINDS: Final = frozenset(
    (
        *("ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com"),
        *("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
        "sk-ecdsa-sha2-nistp256@openssh.com",
    )
)
_SIGNER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a repository is; ``url`` is what Git is given."""

    scheme: str
    user: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """Return the address in the one way that we write it."""
        user = f"{self.user}@" if self.user else ""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{user}{self.host}{port}{self.path}"


def address(text: str) -> Address:
    """Read an address. Raises SourceAddressError."""
    text = text.strip()
    short = _SHORT.fullmatch(text)
    if short:
        text = f"ssh://{short[1]}@{short[2]}/{short[3].lstrip('/')}"
    found = _ADDRESS.fullmatch(text)
    if found is None or "/../" in f"{found['path']}/" or "//" in found["path"]:
        raise _wrong("url", "Write https://HOST/PATH or ssh://USER@HOST/PATH, and no password")
    scheme = found["scheme"]
    port = int(found["port"] or PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise _wrong("url", "This port does not exist")
    if scheme == "https" and found["user"]:
        raise _wrong("url", "An https address has no name before the host")
    user = found["user"] or ("git" if scheme == "ssh" else "")
    return Address(scheme, user, found["host"].lower(), port, found["path"])


def ref(text: str) -> str:
    """Return a branch, ``tags/NAME`` or a commit. Raises SourceAddressError."""
    text = text.strip()
    odd = ".." in text or "//" in text or text.endswith(("/", ".", ".lock")) or "/." in text
    if not _REF.fullmatch(text) or odd:
        raise _wrong("ref", "Name a branch, tags/NAME, or a commit of 40 hexadecimal digits")
    return text


def refspec(text: str, target: str) -> str:
    """Return what Git is to fetch, without any room for its own guesses."""
    if _COMMIT.fullmatch(text):
        return f"+{text}:{target}"
    kind = "" if text.startswith("tags/") else "heads/"
    return f"+refs/{kind}{text}:{target}"


def folder(text: str) -> str:
    """Return the folder that holds the packages; empty is the top. Raises SourceAddressError."""
    text = text.strip().strip("/")
    if text and (not _FOLDER.fullmatch(text) or len(text) > _FOLDER_LENGTH):
        raise _wrong("folder", "Name a folder within the repository, such as packages")
    return text


def signers(lines: Sequence[str]) -> list[str]:
    """Return public keys as ``NAME KIND DATA``. Raises SourceAddressError.

    They are given as in an ``id_ed25519.pub``; options are not taken.
    """
    found = [_signer(line.strip(), at) for at, line in enumerate(lines, 1) if line.strip()]
    if len(found) > SIGNERS_LIMIT:
        raise _wrong("signers", f"At most {SIGNERS_LIMIT} keys can sign for a source")
    return list(dict.fromkeys(found))


def allowed_signers(keys: Sequence[str]) -> str:
    """Return Git's file of who may sign, for commits and tags alone."""
    split = (key.split(" ", 2) for key in keys)
    return "".join(f'{name} namespaces="git" {kind} {data}\n' for name, kind, data in split)


def hosts(lines: Sequence[str], place: Address) -> list[str]:
    """Return the keys by which an ssh server is known, as ``KIND DATA``.

    Lines of known_hosts and those of ``ssh-keyscan`` are taken, too. Raises SourceAddressError.
    """
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    found = [_host_key(line) for line in kept]
    if place.scheme == "ssh" and not found:
        raise _wrong("host_keys", "Give the server's host keys, as ssh-keyscan prints them")
    if len(found) > SIGNERS_LIMIT:
        raise _wrong("host_keys", "These are too many keys for one server")
    return list(dict.fromkeys(found))


def known_hosts(keys: Sequence[str], place: Address) -> str:
    """Return ssh's file of known servers: this one."""
    name = place.host if place.port == PORTS["ssh"] else f"[{place.host}]:{place.port}"
    return "".join(f"{name} {key}\n" for key in keys)


def _signer(line: str, at: int) -> str:
    found = _KEY.match(line)
    comment = line[found.end() :].strip() if found else ""
    if found is None or not _is_key(found["kind"], found["data"]):
        raise _wrong("signers", f"Line {at} is no public key of ssh, such as ssh-ed25519 AAAA…")
    name = comment if _SIGNER.fullmatch(comment) else f"key-{at}"
    return f"{name} {found['kind']} {found['data']}"


def _host_key(line: str) -> str:
    found = _KEY.search(line)
    if found is None or not _is_key(found["kind"], found["data"]):
        raise _wrong("host_keys", "A line is no host key; take what ssh-keyscan prints")
    return f"{found['kind']} {found['data']}"


def _is_key(kind: str, data: str) -> bool:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return False
    # A key says its kind itself, first.
    length = int.from_bytes(raw[:4], "big")
    return kind in _KINDS and raw[4 : 4 + length] == kind.encode()


def _wrong(field: str, text: str) -> SourceAddressError:
    return SourceAddressError("The source cannot be like this", fields={field: text})
