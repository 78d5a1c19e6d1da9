"""Judges certificates before a proxy sees them, and makes the one for unknown names."""

from datetime import timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stead.edge.snapshot import Certificate
from stead.kit import clock

_YEARS = 10


class CertificateError(Exception):
    """The certificate cannot be served; the message says why and shows no key."""


@lru_cache(maxsize=16_384)
def names(certificate: Certificate) -> frozenset[str]:
    """Return the DNS names the leaf is for; raise CertificateError if it is unusable."""
    try:
        leaf = x509.load_pem_x509_certificates(certificate.chain.encode())[0]
        key = serialization.load_pem_private_key(
            certificate.key.encode(), None, unsafe_skip_rsa_key_validation=True
        )
        same = _public(key.public_key()) == _public(leaf.public_key())
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        raise CertificateError("the certificate names no DNS name") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("the certificate or its key cannot be read") from error
    if not same:
        raise CertificateError("the key does not belong to the certificate")
    return frozenset(name.lower() for name in found.value.get_values_for_type(x509.DNSName))


def covers(certified: frozenset[str], host: str) -> bool:
    """Tell whether a certificate with these names is for the host."""
    return host in certified or f"*.{host.partition('.')[2]}" in certified


def self_made() -> tuple[str, str]:
    """Return a chain and a key that nobody trusts, for names that are not served here."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stead-edge.invalid")])
    now = clock.utc_now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("stead-edge.invalid")]), False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def _public(key: object) -> bytes:
    if not hasattr(key, "public_bytes"):
        raise CertificateError("the certificate's kind of key is not supported")
    encoded: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
