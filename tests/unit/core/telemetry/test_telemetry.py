"""Telemetry that is off costs nothing, and what it sends when it is on."""

import sys

import pytest
from tests.support.collector import collecting

from stead.core import telemetry
from stead.core.settings import load
from stead.engines.traced import traced


def test_nothing_is_made_while_it_is_off():
    assert telemetry.span("one") is telemetry.span("other", attribute=1)
    with telemetry.span("one") as span:
        span.set("name", "value")
        assert telemetry.carried() == ""
    assert not telemetry.on()


def test_a_driver_is_not_touched_while_it_is_off():
    driver = object()
    assert traced("simulator", driver) is driver


def test_without_its_packages_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "stead.core.telemetry.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(telemetry.TelemetryMissingError, match="not installed"):
        telemetry.start("http://127.0.0.1:4318", "stead")
    assert not telemetry.on()


def test_a_block_that_fails_is_told_by_its_kind_alone():
    with collecting() as heard:
        with (
            telemetry.sending(heard.address, "stead"),
            pytest.raises(ValueError, match="hunter2"),
            telemetry.span("outer"),
            telemetry.span("inner", size=3),
        ):
            raise ValueError("hunter2")
        inner, outer = heard.named("inner"), heard.named("outer")
    assert inner.parent_span_id == outer.span_id
    assert inner.status.message == "ValueError"
    assert b"hunter2" not in heard.said


def test_a_collector_that_is_away_is_not_waited_for_long():
    with telemetry.sending("http://127.0.0.1:9", "stead"), telemetry.span("lost"):
        pass
    assert not telemetry.on()


def test_the_usual_variable_names_a_collector_too(monkeypatch: pytest.MonkeyPatch):
    assert load().telemetry.endpoint == ""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert load().telemetry.endpoint == "http://collector:4318"
    monkeypatch.setenv("STEAD_TELEMETRY_ENDPOINT", "http://other:4318")
    assert load().telemetry.endpoint == "http://other:4318"
