import json
from pathlib import Path

import pytest
from tests.unit.catalog.builders import asked, manifest

from stead.catalog import archive
from stead.catalog.errors import InvalidInputsError, PackageError
from stead.catalog.inputs import Inputs, validate
from stead.catalog.schemas import Manifest
from stead.kit.secrets import Secret
from stead_agent import inputs as agent_inputs

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/inputs.json").read_text())


def wrong(made: Manifest, raw: dict[str, object]):
    with pytest.raises(InvalidInputsError) as caught:
        validate(made, raw)
    return caught.value.fields


def expanded(value: object):
    """Unfold the shorthand of the vectors for long texts."""
    if isinstance(value, dict):
        if "$repeat" in value:
            text, times = value["$repeat"]
            return text * times
        return {key: expanded(item) for key, item in value.items()}
    return [expanded(item) for item in value] if isinstance(value, list) else value


def decided(case: dict[str, object]):
    """Return the names found wrong, or None when no such package would be offered."""
    try:
        made = manifest(*({"label": "Label", **one} for one in expanded(case["inputs"])))
    except PackageError:
        return None
    try:
        validate(made, expanded(case["values"]))
    except InvalidInputsError as error:
        return sorted(error.fields)
    return []


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_the_control_plane_decides_as_the_agent_does(case: dict[str, object]):
    found = decided(case)
    assert found is None or found == sorted(case["problems"])


def test_most_vectors_are_about_packages_that_could_exist():
    offered = [case for case in VECTORS if decided(case) is not None]
    assert len(offered) > len(VECTORS) / 3
    assert any(case["ok"] for case in offered)
    assert any(not case["ok"] for case in offered)


def test_the_words_of_a_form_become_typed_values():
    made = manifest(asked("count", "integer"), asked("listen", "port"), asked("tls", "boolean"))
    raw = {"count": "-5", "listen": "8080", "tls": "on"}
    assert validate(made, raw).values == {"count": -5, "listen": 8080, "tls": True}
    assert validate(made, {"tls": "false"}).values == {"tls": False}


@pytest.mark.parametrize("text", ["5.0", " 5", "05", "5e3", "\u0665", "True", "1" * 5000])
def test_other_words_are_no_numbers(text: str):
    assert "count" in wrong(manifest(asked("count", "integer")), {"count": text})


@pytest.mark.parametrize("value", [5.0, [5], {"a": 1}, True, b"5"])
def test_values_of_another_type_are_refused(value: object):
    assert "count" in wrong(manifest(asked("count", "integer")), {"count": value})


def test_no_answer_takes_the_default_and_an_empty_one_does_not():
    made = manifest(asked(default="x"))
    assert validate(made, {}).values == {"value": "x"}
    assert validate(made, {"value": None}).values == {"value": "x"}
    assert validate(made, {"value": ""}).values == {"value": ""}


def test_every_problem_is_told_and_no_value_is_repeated():
    made = manifest(asked("one", required=True), asked("two", "email"))
    fields = wrong(made, {"two": "s3cret-nonsense", "three": "x"})
    assert sorted(fields) == ["one", "three", "two"]
    assert "s3cret-nonsense" not in str(fields)


def test_secrets_are_kept_apart_and_masked():
    made = manifest(asked("key_one", "password"), asked("note", sensitive=True))
    inputs = validate(made, {"key_one": "hunter2", "note": "hush"})
    assert inputs == Inputs({}, {"key_one": Secret("hunter2"), "note": Secret("hush")})
    assert "hunter2" not in repr(inputs)


def test_an_empty_password_is_made_anew_each_time():
    made = manifest(asked("key_one", "password", required=True, generate=True))
    first, second = (validate(made, {"key_one": ""}).secrets["key_one"] for _ in range(2))
    assert len(first.reveal()) == 24
    assert first != second
    assert validate(made, {"key_one": "mine"}).secrets["key_one"] == Secret("mine")


def visible():
    return manifest(
        asked("tls", "boolean", default=False),
        asked("domain", required=True, visible_if={"input": "tls", "equals": True}),
        asked("contact", default="x", visible_if={"input": "domain", "equals": "a.example"}),
    )


def test_hidden_inputs_are_dropped_even_when_filled_in():
    assert validate(visible(), {"domain": "a.example"}).values == {"tls": False}


def test_visible_inputs_are_demanded():
    assert list(wrong(visible(), {"tls": "on"})) == ["domain"]
    shown = validate(visible(), {"tls": "on", "domain": "a.example"}).values
    assert shown == {"tls": True, "domain": "a.example", "contact": "x"}


@pytest.mark.parametrize(
    "raw", [{}, {"tls": "on", "domain": "b"}, {"tls": True, "domain": "a.example"}]
)
def test_the_agent_accepts_whatever_was_accepted_here(raw: dict[str, object]):
    made = visible()
    declared = json.loads(archive.canonical(archive.describe(made)))["inputs"]
    values = validate(made, raw).values
    assert agent_inputs.check(declared, values) == {}
    environment = agent_inputs.environment(declared, values)
    assert environment["CONTACT"] == str(values.get("contact", ""))
