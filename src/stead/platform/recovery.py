"""The recovery key: what opens the secrets of a copy, and nothing on the server does.

The server keeps the public half, so every copy can be sealed without asking anybody, and a
key that proves a copy to be its own. Both follow from the private half, which is shown once.
"""

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stead.core.files import write_private
from stead.kit.secrets import Secret
from stead.platform.errors import CopyDamagedError, RecoveryKeyError

FILE: Final = "recovery.json"
_SIZE: Final = 32
_CHECK: Final = 3
_GROUP: Final = 4
_PREFIX: Final = "stead"
# Every message has a key of its own, so the nonce need not differ.
_NONCE: Final = bytes(12)


@dataclass(frozen=True, slots=True)
class Keeper:
    """The half that stays on the server: seals, and marks what is its own."""

    public: bytes
    mark_key: bytes

    @property
    def fingerprint(self) -> str:
        """Return what tells recovery keys apart."""
        return hashlib.sha256(self.public).hexdigest()[:16]

    def seal(self, content: bytes) -> bytes:
        """Return content that only the recovery key opens."""
        once = X25519PrivateKey.generate()
        ours = once.public_key().public_bytes_raw()
        shared = once.exchange(X25519PublicKey.from_public_bytes(self.public))
        cipher = ChaCha20Poly1305(_derive(shared, ours + self.public, b"stead-copy-seal-v1"))
        return ours + cipher.encrypt(_NONCE, content, None)

    def mark(self, content: bytes) -> str:
        """Return the proof that content comes from who holds this half, or the recovery key."""
        return hmac.new(self.mark_key, content, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """The private half; its text is what a person keeps."""

    private: Secret

    @property
    def keeper(self) -> Keeper:
        """Return the half for the server."""
        raw = bytes.fromhex(self.private.reveal())
        public = X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
        return Keeper(public, _derive(raw, b"", b"stead-copy-mark-v1"))

    @property
    def text(self) -> Secret:
        """Return the key as it is written down."""
        raw = bytes.fromhex(self.private.reveal())
        letters = base64.b32encode(raw + hashlib.sha256(raw).digest()[:_CHECK]).decode().lower()
        groups = [letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP)]
        return Secret("-".join([_PREFIX, *groups]))

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises CopyDamagedError."""
        raw = bytes.fromhex(self.private.reveal())
        theirs = sealed[:_SIZE]
        try:
            shared = X25519PrivateKey.from_private_bytes(raw).exchange(
                X25519PublicKey.from_public_bytes(theirs)
            )
            key = _derive(shared, theirs + self.keeper.public, b"stead-copy-seal-v1")
            return ChaCha20Poly1305(key).decrypt(_NONCE, sealed[_SIZE:], None)
        except (ValueError, InvalidTag) as error:
            raise CopyDamagedError("The secrets in this copy cannot be opened") from error


def new_key() -> RecoveryKey:
    """Return a fresh recovery key."""
    return RecoveryKey(Secret(os.urandom(_SIZE).hex()))


def parse(text: str) -> RecoveryKey:
    """Return the key that a person wrote down. Raises RecoveryKeyError for a typing mistake."""
    letters = "".join(text.split()).lower().replace("-", "").removeprefix(_PREFIX)
    try:
        raw = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except ValueError as error:
        raise RecoveryKeyError("This is not a recovery key") from error
    private, check = raw[:_SIZE], raw[_SIZE:]
    if len(raw) != _SIZE + _CHECK or hashlib.sha256(private).digest()[:_CHECK] != check:
        raise RecoveryKeyError(
            "This is not a recovery key", hint="Compare it with what you wrote down"
        )
    return RecoveryKey(Secret(private.hex()))


def load(folder: Path) -> Keeper | None:
    """Return the server's half, or None where no recovery key was made yet."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        return Keeper(bytes.fromhex(found["public"]), bytes.fromhex(found["mark"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RecoveryKeyError(
            f"{path} cannot be read", hint="Make a new recovery key: stead admin backup --new-key"
        ) from error


def save(folder: Path, keeper: Keeper) -> None:
    """Keep the server's half, for its owner's eyes only."""
    text = json.dumps({"public": keeper.public.hex(), "mark": keeper.mark_key.hex()})
    write_private(folder / FILE, text.encode())


def _derive(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _SIZE, salt or None, purpose).derive(secret)
