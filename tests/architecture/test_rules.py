"""The house rules notice what they are for."""

import ast
from pathlib import Path

import pytest
from tools import rules

HERE = Path("src/stead/things/repository.py")


def offences(text: str) -> list[str]:
    tree = ast.parse(text)
    return [said for rule in rules.RULES for _, _, said in rule(HERE, tree)]


def test_tables_of_projects_are_known():
    assert {"DeploymentRow", "InstanceRow", "OperationRow"} <= rules.TENANT
    assert "ClusterRow" not in rules.TENANT


@pytest.mark.parametrize(
    "text",
    [
        "async def list_(uow): return select(DeploymentRow)",
        "async def count(uow): return select(func.count(DeploymentRow.id))",
        "async def list_(uow, instance_id): return select(DeploymentRow.name).where(True)",
        "@other('reason')\ndef list_(uow): return select(InstanceRow, ClusterRow)",
        "@platform_wide()\ndef list_(uow): return select(InstanceRow)",
    ],
)
def test_a_query_that_forgets_its_tenant_fails_the_build(text: str):
    (said,) = offences(text)
    assert "project_ids" in said


@pytest.mark.parametrize(
    "text",
    [
        "async def list_(uow, project_ids): return select(DeploymentRow)",
        "async def list_(uow, *, project_id): return select(DeploymentRow)",
        "@platform_wide('one address plan')\nasync def all_(uow): return select(InstanceRow)",
        "async def list_(uow): return select(ClusterRow)",
    ],
)
def test_a_query_that_says_whose_rows_passes(text: str):
    assert offences(text) == []


def test_commits_and_bare_excepts_are_noticed():
    assert offences("async def f(s): await s.commit()")
    assert offences("try:\n    f()\nexcept:\n    pass")
