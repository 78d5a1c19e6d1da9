"""The internal certificate authority: one root, limited to our own names and networks."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stead.core.files import write_private
from stead.kit import clock

ROOT_DAYS: Final = 3650
LEAF_DAYS: Final = 90
_SLACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A server certificate with its key, both as PEM."""

    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """A certificate that is trusted by its SHA-256; curl pins its key instead."""

    chain: Path
    key: Path
    fingerprint: str
    key_pin: str


class Authority:
    """Issues server certificates."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @property
    def pem(self) -> str:
        """Return the root certificate that clients trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self,
        *,
        names: tuple[str, ...] = (),
        ips: tuple[IPv4Address, ...] = (),
        days: int = LEAF_DAYS,
    ) -> Leaf:
        """Return a new server certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ip) for ip in ips]
        # An address as common name would be taken for a DNS name outside of our constraints.
        common = names[0] if names else "Stead control plane"
        certificate = (
            _builder(_named(common[:64]), self._certificate.subject, key, days)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return Leaf(
            certificate.public_bytes(serialization.Encoding.PEM).decode(), _key_pem(key).decode()
        )


def ensure_root(folder: Path, domain: str, network: IPv4Network) -> None:
    """Create the root in this folder unless it is there.

    The certificate carries name constraints: whoever steals the key can impersonate only
    our own domain and project networks to those who trust this root.
    """
    certificate_path, key_path = folder / "ca.pem", folder / "ca.key"
    if certificate_path.exists() and key_path.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"Stead CA for {domain}"[:64])
    permitted: list[x509.GeneralName] = [x509.DNSName(domain), x509.IPAddress(network)]
    certificate = (
        _builder(name, name, key, ROOT_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(_ROOT_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(key_path, _key_pem(key))
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def ensure_pinned(folder: Path, address: IPv4Address) -> Pinned:
    """Return the certificate for an address outside of our networks, made once.

    It is its own issuer: who connects there knows its fingerprint and trusts nothing else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    chain, private = folder / f"pinned-{address}.crt", folder / f"pinned-{address}.key"
    if not (chain.exists() and private.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        name = _named("Stead control plane")
        certificate = (
            _builder(name, name, key, ROOT_DAYS)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(private, _key_pem(key))
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    found = x509.load_pem_x509_certificate(chain.read_bytes())
    spki = found.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Pinned(
        chain=chain,
        key=private,
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        key_pin=base64.b64encode(hashlib.sha256(spki).digest()).decode(),
    )


def load(folder: Path) -> Authority:
    """Return the authority whose root lies in this folder."""
    certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the root key is not an elliptic curve key")
    return Authority(certificate, key)


_ROOT_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = clock.utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + timedelta(days=days))
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
