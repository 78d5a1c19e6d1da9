from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.catalog.builders import folder

from stead.catalog.errors import UnmetError
from stead.catalog.loader import Package, load
from stead.catalog.resolver import is_within, plan

Apps = dict[str, dict[str, object]]


def packages(place: Path, apps: Apps) -> dict[str, Package]:
    for name, changes in apps.items():
        folder(place, name, **changes)
    return dict(load([place]).packages)


def needs(*names: str) -> dict[str, object]:
    pairs = [name.partition(" ") for name in names]
    return {"dependencies": [{"package": n, "version": v or "*"} for n, _, v in pairs]}


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.2", "*", True),
        ("1.2", ">=1.2 <2", True),
        ("2.0", ">=1.2 <2", False),
        ("1.10", ">1.9", True),
        ("2.0-rc1", ">=2", False),
        ("1.0.0", "==1", True),
        ("1.1", "!=1.1", False),
    ],
)
def test_a_range_is_read_as_it_is_meant(version: str, wanted: str, fits: bool):  # noqa: FBT001 - a parameter of pytest
    assert is_within(version, wanted) is fits


def test_what_is_needed_comes_first_and_once(tmp_path: Path):
    known = packages(
        tmp_path, {"site": needs("sql", "cache"), "cache": needs("sql"), "sql": {}, "odd": {}}
    )
    assert plan(known, ["site"], {}) == ["sql", "cache", "site"]
    assert plan(known, ["site"], {"sql": "1.0"}) == ["cache", "site"]


@pytest.mark.parametrize(
    ("apps", "present", "words"),
    [
        ({"site": needs("sql")}, {}, "site needs sql, which is not in the catalog"),
        (
            {"site": needs("sql >=2"), "sql": {}},
            {},
            "site needs sql >=2; sql 1.0.0 is in the catalog",
        ),
        ({"site": needs("sql <1"), "sql": {}}, {"sql": "1.5"}, "sql 1.5 is installed"),
        ({"site": needs("sql"), "sql": needs("site")}, {}, "site needs sql needs site"),
        (
            {"site": {"conflicts": [{"package": "old", "version": "<2"}]}},
            {"old": "1.9"},
            "site does not go together with old 1.9",
        ),
        (
            {"site": {}, "old": {"conflicts": [{"package": "site"}]}},
            {"old": "1"},
            "old does not go together with site 1.0.0",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(
    tmp_path: Path, apps: Apps, present: dict[str, str], words: str
):
    with pytest.raises(UnmetError) as caught:
        plan(packages(tmp_path, apps), ["site"], present)
    assert words in str(caught.value)


_names = st.sampled_from([f"app{number}" for number in range(6)])
_graphs = st.dictionaries(_names, st.lists(_names, max_size=3, unique=True), min_size=1)


@settings(deadline=None, max_examples=40)
@given(_graphs)
def test_every_plan_is_in_order_or_explained(
    tmp_path_factory: pytest.TempPathFactory, graph: dict[str, list[str]]
):
    apps = {
        name: needs(*(other for other in others if other != name))
        for name, others in graph.items()
    }
    known = packages(tmp_path_factory.mktemp("graph"), apps)
    try:
        order = plan(known, list(known), {})
    except UnmetError:
        return
    assert sorted(order) == sorted(known)
    for name, others in graph.items():
        assert all(order.index(one) < order.index(name) for one in others if one != name)
