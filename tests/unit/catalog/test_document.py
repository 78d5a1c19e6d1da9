from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.catalog.builders import described

from stead.catalog import document, lint
from stead.catalog.errors import PackageError, Problem


def problem_of(data: bytes):
    with pytest.raises(PackageError) as caught:
        document.read("manifest.yml", data)
    return caught.value.problems[0]


def test_values_keep_the_line_on_which_they_begin():
    read = document.read("manifest.yml", b"a: 1\nb:\n  - x\n  - c: true\n")
    assert read.value == {"a": 1, "b": ["x", {"c": True}]}
    assert read.lines["b", 1, "c"] == 4


def test_a_fault_in_something_unwritten_points_to_what_encloses_it():
    read = document.read("manifest.yml", b"a: 1\nb:\n  c: 2\n")
    assert read.problem(("b", "missing", "deeper"), "m", "f").line == 2


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        (b"a: 1\na: 2\n", 2, "says a twice"),
        (b"a: &x [1]\nb: *x\n", 2, "alias"),
        (b"a: 1\nb: yes\n", 2, "two ways"),
        (b"a: 0x1f\n", 1, "two ways"),
        (b"a: 010\n", 1, "two ways"),
        (b"a: 1:30\n", 1, "two ways"),
        (b"<<: {a: 1}\n", 1, "no word"),
        (b"? [a]\n: 1\n", 1, "no word"),
        (b"a: [1\nb: 2\n", 2, ""),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        (b"a: \x00\n", 1, "character"),
        (b"--- 1\n--- 2\n", 2, "another document"),
    ],
)
def test_what_can_be_misread_is_refused_with_its_line(source: bytes, line: int, words: str):
    problem = problem_of(source)
    assert problem.line == line
    assert words in problem.message


@pytest.mark.parametrize("value", [b"!!python/name:os.system x", b"!!binary eA==", b"!mine [1]"])
def test_tags_are_refused(value: bytes):
    assert "tag" in problem_of(b"a: " + value).message


def test_a_deeply_nested_document_is_refused_before_anything_recurses():
    assert "deeply" in problem_of(b"a: " + b"[" * 20_000).message


def test_text_that_looks_like_a_date_stays_text():
    assert document.read("m", b"a: 2024-99-99\nb: 2024-01-01").value == {
        "a": "2024-99-99",
        "b": "2024-01-01",
    }


def test_an_empty_document_has_no_value():
    assert document.read("m", b"# nothing\n").value is None


def faults(act: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        act()
    except PackageError as error:
        return error.problems
    return ()


@given(st.one_of(st.binary(), st.text().map(lambda text: f"a: {text}".encode(errors="ignore"))))
def test_no_input_escapes_as_another_error(source: bytes):
    assert all(problem.fix for problem in faults(lambda: document.read("m", source)))


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.sampled_from(sorted(described(inputs=1, services=1, outputs=1))), _values)
def test_a_key_of_any_value_is_accepted_or_explained(key: str, value: object):
    read = document.Document("m", described(**{key: value}))
    assert all(key in problem.message for problem in faults(lambda: lint.parse(read)))
