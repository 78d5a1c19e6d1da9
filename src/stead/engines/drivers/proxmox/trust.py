"""How a Proxmox host is trusted: by an authority, or by the fingerprint of its certificate."""

import asyncio
import hashlib
import hmac
import re
import ssl
from pathlib import Path

from typing_extensions import override

from stead.engines import errors


def by_authority(ca_file: Path | None = None) -> ssl.SSLContext:
    """Trust what the machine trusts, or this authority alone; the name must match too."""
    return ssl.create_default_context(cafile=ca_file)


def by_fingerprint(fingerprint: str) -> ssl.SSLContext:
    """Trust exactly the certificate with this SHA-256 fingerprint, whatever its name.

    It is compared inside the handshake, before anything of ours is sent. Raises Invalid for
    text that is no such fingerprint.
    """
    wanted = _digest(fingerprint)

    class Pinned(ssl.SSLObject):
        @override
        def do_handshake(self) -> None:
            super().do_handshake()
            shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").digest()
            if not hmac.compare_digest(shown, wanted):
                raise ssl.SSLCertVerificationError(
                    f"the certificate has the fingerprint {_text(shown)}"
                )

    context = _unchecked()
    context.sslobject_class = Pinned
    return context


async def shown_fingerprint(host: str, port: int, limit_seconds: float = 10) -> str:
    """Return the fingerprint a host shows, for a person to compare; sends nothing of ours."""
    try:
        async with asyncio.timeout(limit_seconds):
            _reader, writer = await asyncio.open_connection(host, port, ssl=_unchecked())
    except (OSError, TimeoutError) as error:
        raise errors.UnreachableError(
            f"Nothing answers at {host}:{port}", native=str(error)
        ) from error
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return _text(hashlib.sha256(certificate).digest())


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _digest(fingerprint: str) -> bytes:
    plain = re.sub(r"[:\s]", "", fingerprint)
    if re.fullmatch(r"[0-9A-Fa-f]{64}", plain) is None:
        raise errors.InvalidError("This is no SHA-256 fingerprint: it has 64 hexadecimal digits")
    return bytes.fromhex(plain)


def _text(digest: bytes) -> str:
    return digest.hex(":").upper()
