"""The real auditor asks a stand-in for the advisory service, which knows one advisory."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.incus import ROOT

pytestmark = [pytest.mark.release, pytest.mark.timeout(600)]
KNOWN = "jinja2"


class Advisories(BaseHTTPRequestHandler):
    """Answers ``POST /v1/query`` as api.osv.dev documents it."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = asked["package"]
        assert package["ecosystem"] == "PyPI"
        known = package["name"] == self.server.known  # type: ignore[attr-defined]
        events = [{"introduced": "0"}, {"fixed": "99.0"}]
        affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
        advisory = {
            "id": "PYSEC-0000-1",
            "affected": [affected],
            "published": "2026-01-01T00:00:00Z",
        }
        body = json.dumps({"vulns": [advisory]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    listener.known = KNOWN  # type: ignore[attr-defined]
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    yield listener
    listener.shutdown()
    thread.join()
    listener.server_close()


def audited(service: ThreadingHTTPServer) -> tuple[int, str]:
    """Return how the command that people use ends, and what it says of Python's packages."""
    address = f"OSV=http://127.0.0.1:{service.server_address[1]}/v1/query"
    ended = subprocess.run(
        ["make", "--no-print-directory", "audit", address],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("npm:")]
    return ended.returncode, "\n".join(lines)


def test_what_is_known_of_a_locked_package_is_listed(service: ThreadingHTTPServer):
    code, said = audited(service)
    assert code == 2, "make ends so when a command fails"
    assert f"runtime: {KNOWN} " in said
    assert "PYSEC-0000-1, corrected in 99.0" in said
    assert "edge: nothing is known about" in said
    service.known = ""  # type: ignore[attr-defined]
    _, said = audited(service)
    assert "PYSEC" not in said
    assert "runtime: nothing is known about" in said
    assert "did not answer" not in said
