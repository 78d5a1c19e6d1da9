"""The rules for inputs, held to the cases that the control plane runs too."""

import json
from pathlib import Path
from typing import Any

import pytest

from stead_agent import inputs

VECTORS = Path(__file__).parents[2] / "vectors" / "inputs.json"


def expand(node: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(node, dict):
        if set(node) == {"$repeat"}:
            text, times = node["$repeat"]
            return text * times
        return {name: expand(value) for name, value in node.items()}
    return [expand(value) for value in node] if isinstance(node, list) else node


CASES = json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case_is_decided_like_its_vector(case: dict[str, Any]):
    case = expand(case)
    problems = inputs.check(case["inputs"], case["values"])
    assert sorted(problems) == case["problems"], problems
    assert (not problems) == case["ok"]
    if case["ok"]:
        assert inputs.environment(case["inputs"], case["values"]) == case["environment"]


def test_vectors_have_distinct_names():
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_more_inputs_than_the_limit_are_refused():
    declared = [{"name": f"n{i}", "type": "string"} for i in range(inputs.INPUT_LIMIT + 1)]
    assert inputs.check(declared, {})


def test_problem_messages_never_repeat_the_value():
    declared = [{"name": "pin", "type": "port", "sensitive": True}]
    assert "hunter2" not in str(inputs.check(declared, {"pin": "hunter2"}))
