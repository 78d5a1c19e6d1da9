"""Certificates and snapshots for the pure parts of the edge."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stead.kit import clock


def make_certificate(id_: str, *names: str) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = clock.utc_now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now)
    )
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
    chain = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {"id": id_, "chain": chain.decode(), "key": secret.decode()}


@pytest.fixture
def certificate() -> Callable[..., dict[str, str]]:
    """Return the function that makes a certificate for some names."""
    return make_certificate


@pytest.fixture(scope="session")
def wild() -> dict[str, str]:
    return make_certificate("wild", "*.apps.test")


@pytest.fixture
def http_route() -> dict[str, Any]:
    return {
        "id": "shop",
        "host": "shop.apps.test",
        "backends": ["http://10.90.1.10:80"],
        "certificate": "wild",
    }


@pytest.fixture
def tcp_route() -> dict[str, Any]:
    return {"id": "cache", "port": 20001, "backends": ["10.90.1.11:6379"]}
