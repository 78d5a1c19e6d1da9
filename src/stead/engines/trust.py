"""How an engine's host is trusted: by an authority, or by the fingerprint of its certificate."""

import asyncio
import hashlib
import hmac
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from typing_extensions import override

from stead.engines import errors

_CHAIN: Final = 10


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a host shows to anybody who asks, before it is asked for anything."""

    fingerprint: str
    subject: str
    issuer: str
    expires_at: datetime


class OtherCertificateError(ssl.SSLCertVerificationError):
    """The host showed another certificate than the pinned one, and was sent nothing."""

    def __init__(self, expected: str, shown: str) -> None:
        super().__init__(f"the certificate has the fingerprint {shown}")
        self.expected = expected
        self.shown = shown


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
                raise OtherCertificateError(_text(wanted), _text(shown))

    context = _unchecked()
    context.sslobject_class = Pinned
    return context


def changed(error: BaseException, engine: str) -> errors.CertificateChangedError | None:
    """Return the failure behind a failed connection when it was another certificate."""
    found: BaseException | None = error
    for _ in range(_CHAIN):
        if found is None:
            return None
        if isinstance(found, OtherCertificateError):
            return errors.CertificateChangedError(engine, found.expected, found.shown)
        found = found.__cause__ or found.__context__
    return None


def normal(fingerprint: str) -> str:
    """Return a fingerprint the way we write them. Raises Invalid."""
    return _text(_digest(fingerprint))


async def shown(host: str, port: int, limit_seconds: float = 10) -> Certificate:
    """Return the certificate that a host shows, for a person to compare; sends nothing of ours.

    Raises Unreachable when nothing answers, or something that does not speak TLS.
    """
    try:
        async with asyncio.timeout(limit_seconds):
            _reader, writer = await asyncio.open_connection(host, port, ssl=_unchecked())
    except (OSError, TimeoutError, ValueError) as error:
        raise errors.UnreachableError(
            f"Nothing that speaks TLS answers at {host}:{port}",
            native=str(error),
            hint="Check the address, and that a firewall lets this server reach that port",
        ) from error
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
    return _read(certificate)


def _read(content: bytes) -> Certificate:
    try:
        parsed = x509.load_der_x509_certificate(content)
        return Certificate(
            fingerprint=_text(hashlib.sha256(content).digest()),
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),
            expires_at=parsed.not_valid_after_utc,
        )
    except ValueError as error:
        raise errors.UnreachableError(
            "The host shows a certificate that cannot be read", native=str(error)
        ) from error


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
