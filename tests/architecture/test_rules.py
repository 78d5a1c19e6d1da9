"""The house rules notice what they are for."""

import ast
from pathlib import Path

import pytest
from tools import rules, tenancy

HERE = Path("src/stead/things/repository.py")


def offences(text: str) -> list[str]:
    tree = ast.parse(text)
    return [said for rule in rules.RULES for _, _, said in rule(HERE, tree)]


def test_tables_of_projects_are_known():
    assert {"DeploymentRow", "InstanceRow", "OperationRow"} <= tenancy.TENANT
    assert "ClusterRow" not in tenancy.TENANT


@pytest.mark.parametrize(
    "text",
    [
        "async def list_(uow): return select(DeploymentRow)",
        "async def count(uow): return select(func.count(DeploymentRow.id))",
        "async def list_(uow, instance_id): return select(DeploymentRow.name).where(True)",
        "@other('reason')\ndef list_(uow): return select(InstanceRow, ClusterRow)",
        "@platform_wide()\ndef list_(uow): return select(InstanceRow)",
        "async def clear(uow): await uow.session.execute(delete(DeploymentRow))",
        "async def stop(uow, id_): await uow.session.execute(update(InstanceRow).where(True))",
        "async def find(uow, id_): return await uow.session.get(InstanceRow, id_)",
        "async def find(uow, id_): return await uow.session.get_one(InstanceRow, id_)",
        "async def find(uow): return select(ClusterRow.id).join(InstanceRow, True)",
        "async def find(uow): return select(func.count()).select_from(InstanceRow)",
        "class Rows:\n    async def find(self, uow): return select(InstanceRow)",
        "async def find(uow):\n    def inner(): return select(InstanceRow)\n    return inner()",
        "async def find(uow): return sqlalchemy.select(models.InstanceRow)",
    ],
)
def test_a_query_that_forgets_its_tenant_fails_the_build(text: str):
    (said,) = offences(text)
    assert "project_ids" in said


@pytest.mark.parametrize(
    "text",
    [
        "def list_(uow, project_ids): return select(DeploymentRow).where(x.in_(project_ids))",
        "async def list_(uow, *, project_id): return select(DeploymentRow).where(x == project_id)",
        "@platform_wide('by its id')\ndef f(uow): return uow.session.get(InstanceRow, 1)",
        "T = aliased(InstanceRow)\ndef f(project_id): return select(T).where(x == project_id)",
        "def f(uow, project_id):\n    def g(): return select(InstanceRow)\n    g(project_id)",
        "def f(uow): return wanted.get('InstanceRow')",
        "def make(uow, project_id): uow.session.add(InstanceRow(project_id=project_id))",
        "def f(row: InstanceRow): return select(ClusterRow).where(ClusterRow.id == row.id)",
        "@platform_wide('one address plan')\nasync def all_(uow): return select(InstanceRow)",
        "async def list_(uow): return select(ClusterRow)",
    ],
)
def test_a_query_that_says_whose_rows_passes(text: str):
    assert offences(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "other = aliased(InstanceRow)\nasync def list_(uow): return select(other)",
        "table = InstanceRow.__table__\nasync def list_(uow): return select(table.c.id)",
        "T: Final = cast('Table', InstanceRow.__table__)\ndef list_(uow): return select(T.c.id)",
        "async def list_(uow):\n    other = aliased(InstanceRow)\n    return select(other.name)",
        "async def list_(uow):\n    a = b = InstanceRow\n    return select(b)",
        "one = InstanceRow\ntwo = one\nasync def list_(uow): return select(two)",
        "t = InstanceRow.__table__.alias('t')\nasync def list_(uow): return select(t.c.id)",
        "async def list_(uow): return select((other := InstanceRow).id)",
        "from stead.x.models import InstanceRow as Other\ndef list_(uow): return select(Other)",
    ],
)
def test_another_name_of_a_table_does_not_hide_it(text: str):
    (said,) = offences(text)
    assert "project_ids" in said


@pytest.mark.parametrize(
    "text",
    [
        "ALL = select(InstanceRow.name)\nasync def list_(uow): return await uow.rows(ALL)",
        "_T = InstanceRow.__table__\nALL = select(_T.c.id)\ndef f(uow): return uow.rows(ALL)",
        "ALL: Final = update(InstanceRow)\nasync def f(uow): return await uow.rows(ALL)",
        "@platform_wide('-')\ndef _a() -> Select[X]: return select(InstanceRow)\ndef b(): _a()",
    ],
)
def test_a_statement_that_is_kept_is_as_much_of_everybody_where_it_is_used(text: str):
    (said,) = offences(text)
    assert "project_ids" in said


@pytest.mark.parametrize(
    "text",
    [
        "async def list_(uow, project_id): return select(InstanceRow)",
        "async def list_(uow, *, project_ids=None): return select(InstanceRow)",
        "async def clear(uow, project_id): await uow.rows(delete(InstanceRow))",
    ],
)
def test_a_project_that_is_taken_and_not_used_is_none(text: str):
    (said,) = offences(text)
    assert "does not use it" in said


def test_commits_and_bare_excepts_are_noticed():
    assert offences("async def f(s): await s.commit()")
    assert offences("try:\n    f()\nexcept:\n    pass")
