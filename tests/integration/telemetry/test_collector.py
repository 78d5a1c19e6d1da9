"""A real server tells a collector: one deployment is one trace, from the click to the guest."""

from pathlib import Path

import pytest
from tests.support.collector import Collector, collecting
from tests.support.stead import Stead

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Collector:
    """Return what a collector hears of one deployment, and of one that fails."""
    folder: Path = tmp_path_factory.mktemp("telemetry")
    with collecting() as collector:
        one = Stead(folder / "stead", None, network="10.103.0.0/16", tcp_first=28600, speed=200)
        one.prepare()
        with one.config.open("a") as file:
            file.write(f'[telemetry]\nendpoint = "{collector.address}"\n')
        try:
            one.start()
            one.admin("cli-login")
            one.cli(
                "deploy", "redis", "--name", "cache", "--set", f"password={PASSWORD}", "--quiet"
            )
        finally:
            one.stop()
    return collector


pytestmark = [pytest.mark.release, pytest.mark.timeout(180)]


def test_a_deployment_is_one_trace_from_the_request_to_the_job(heard: Collector):
    request = heard.named("POST /api/v1/deployments")
    operation = heard.named("operation deployment.deploy")
    step = heard.named("step deployment.deploy.install")
    job = heard.named("job install.sh")
    assert operation.parent_span_id == request.span_id
    assert step.parent_span_id == operation.span_id
    assert job.parent_span_id == step.span_id
    assert {one.trace_id for one in (operation, step, job)} == {request.trace_id}


def test_what_the_engine_does_is_seen_below_the_step_that_asked(heard: Collector):
    step = heard.named("step deployment.deploy.create")
    below = [span.name for span in heard.spans if span.parent_span_id == step.span_id]
    assert "engine simulator.create" in below


def test_durations_are_told_as_figures(heard: Collector):
    assert {"stead.request.duration", "stead.job.duration"} <= heard.figures


def test_no_secret_and_no_address_with_one_is_told(heard: Collector):
    assert heard.said
    assert PASSWORD.encode() not in heard.said
    assert b"stt_" not in heard.said
    assert b"Bearer" not in heard.said
