"""A control plane and an agent that has its bootstrap."""

import datetime as dt
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.integration.agent.control_plane import ADDRESS, ControlPlane, until
from tests.integration.agent.redis_side import RedisSide
from tests.integration.agent.world import AgentProcess, spawn
from tests.support.redis import RedisServer, running_redis
from tools import build_agent

from stead.kit import clock


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agent") / "stead-agent.pyz"
    build_agent.build(path)
    return path


def make_certificate(address: str = ADDRESS) -> tuple[str, str]:
    """Return a private key and a certificate that is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "control plane")])
    now = clock.utc_now()
    san = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(san, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = cert.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return private, pem


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    private, pem = make_certificate()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_text(private + pem)
    return path, pem


@pytest.fixture(scope="session")
def other_ca() -> str:
    return make_certificate()[1]


@pytest.fixture
def bystander() -> Iterator[str]:
    """The id of a process that has nothing to do with an agent."""
    process = spawn("/bin/sleep", "100")
    yield str(process.pid)
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def redis_server(
    certificate: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis"), *certificate) as made:
        yield made


@pytest.fixture
def transport() -> str:
    """Over what agents speak; the modules that run on both say so with TRANSPORTS."""
    return "https"


@pytest.fixture
def plane(
    certificate: tuple[Path, str], transport: str, request: pytest.FixtureRequest
) -> Iterator[ControlPlane]:
    made = ControlPlane(*certificate)
    if transport == "redis":
        made.redis = RedisSide(made, request.getfixturevalue("redis_server"))
    made.start()
    yield made
    made.stop()
    assert made.violations == []
    if made.redis is not None and made.results:
        assert made.redis.carried, "nothing went through the Redis"


@pytest.fixture
def new_agent(zipapp: Path, tmp_path: Path, plane: ControlPlane) -> Iterator[AgentProcess]:
    """An agent with a bootstrap that was not started yet."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "bootstrap.json").write_text(json.dumps(plane.bootstrap))
    made = AgentProcess(zipapp, state)
    yield made
    if made.process and made.process.poll() is None:
        made.terminate()


@pytest.fixture
def agent(new_agent: AgentProcess, plane: ControlPlane) -> AgentProcess:
    new_agent.start()
    until(lambda: plane.keys, "the enrolment")
    return new_agent
