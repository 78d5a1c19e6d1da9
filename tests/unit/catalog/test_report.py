"""Nothing is called tested that the committed report does not say was proven."""

from pathlib import Path

from stead.catalog import records
from stead.catalog.loader import BUILT_IN, load

NAMED = (
    *("nginx", "static-site", "postgresql", "mariadb", "redis", "wordpress", "prometheus"),
    *("node-exporter", "docker", "datasette", "gitolite", "openldap", "caddy", "dokuwiki"),
    *("memcached", "rabbitmq", "mosquitto", "nats", "alertmanager", "jupyterlab", "node-red"),
    *("verdaccio", "syncthing", "seaweedfs"),
)
REPORT = Path(__file__).parents[3] / "docs" / "catalog-report.md"


def test_the_report_is_what_the_prover_wrote_down():
    assert REPORT.read_text(encoding="utf-8") == records.render(records.read(BUILT_IN))


def test_a_package_called_tested_has_its_digest_in_the_report():
    lines = REPORT.read_text(encoding="utf-8").splitlines()
    for name, package in load([BUILT_IN]).packages.items():
        digest = f"`{package.digest[:12]}`"
        rows = [line for line in lines if line.startswith(f"| {name} ") and digest in line]
        assert (package.tested is not None) <= any("| proven |" in row for row in rows), name


def test_the_packages_that_were_promised_are_all_called_tested():
    packages = load([BUILT_IN]).packages
    assert len(NAMED) == 24
    assert [name for name in NAMED if packages[name].tested is None] == []
