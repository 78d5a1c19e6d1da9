"""Whatever arrives, an agent decides: it neither crashes nor lets anything undeclared through."""

import contextlib
import io
import json
import re
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import example, given, strategies as st

from stead_agent import inputs, job, packages, patterns, signing, store
from stead_agent.job import RefusedError, UnusableError

KEY = "ab" * 32
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["a", "port", "path", "ld_preload", "bash_env", "x_y", "A", "é", ""]) | (
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
)
TYPES = st.sampled_from(
    ["string", "integer", "boolean", "password", "select", "email", "port", "nonsense"]
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "pattern": st.text(max_size=12) | st.sampled_from(["[a-z]+", "(a|b)*c", "\\d{2,3}"]),
        "min_length": st.integers(-1, 5) | JSON,
        "max_length": st.integers(-1, 50) | JSON,
        "min": st.integers() | JSON,
        "max": st.integers() | JSON,
        "allowed_values": st.lists(LEAVES, max_size=3) | JSON,
    },
)
DECLARATIONS = st.fixed_dictionaries(
    {"name": NAMES, "type": TYPES},
    optional={
        "required": st.booleans() | JSON,
        "default": JSON,
        "sensitive": JSON,
        "validation": RULES | JSON,
    },
)
WELL_FORMED = {
    "agent": "a",
    "job": "j",
    "attempt": 1,
    "nonce": "n" * 32,
    "expires": 1,
    "package": {"id": "p", "version": "1", "digest": "0" * 64},
    "script": "install.sh",
    "inputs": {},
    "secrets": [],
    "timeout": 5,
}


@given(
    declared=st.lists(DECLARATIONS | st.dictionaries(st.text(), JSON), max_size=5),
    values=st.dictionaries(NAMES, JSON | st.text(), max_size=5),
)
@example(declared=[{"name": "a", "type": "string"}], values={"a": "x\0y"})
@example(declared=[{"name": "a", "type": "string", "default": "x\ny"}], values={})
@example(declared=[{"name": "a", "type": "boolean", "default": []}], values={})
def test_only_declared_harmless_variables_reach_an_environment(
    declared: list[dict[str, Any]], values: dict[str, Any]
):
    problems = inputs.check(declared, values)
    if problems:
        assert all(isinstance(text, str) and text for text in problems.values())
        return
    variables = inputs.environment(declared, values)
    assert set(variables) == {one["name"].upper() for one in declared}
    for name, text in variables.items():
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
        assert not inputs.is_reserved(name)
        assert not re.search(r"[\x00-\x1f\x7f]", text)
        text.encode()


@given(values=st.dictionaries(st.text(), JSON, min_size=1, max_size=3))
def test_nothing_undeclared_is_ever_right(values: dict[str, Any]):
    assert set(inputs.check([], values)) == set(values)


@given(payload=st.text() | JSON.map(json.dumps))
def test_any_signed_text_is_an_order_or_is_turned_down(payload: str):
    _order(payload)


@given(
    part=st.dictionaries(st.sampled_from(sorted(WELL_FORMED)), JSON, min_size=1, max_size=3),
    package=st.none() | st.dictionaries(st.sampled_from(["id", "version", "digest"]), JSON),
)
def test_an_order_with_anything_in_its_fields_is_one_or_is_turned_down(
    part: dict[str, Any], package: dict[str, Any] | None
):
    order = _order(
        json.dumps({**WELL_FORMED, **({"package": package} if package else {}), **part})
    )
    if order is not None:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,60}", order.script)
        assert 1 <= order.timeout <= job.TIMEOUT_LIMIT
        assert re.fullmatch(r"[0-9a-f]{64}", order.digest)


@given(payload=JSON | st.text(), signature=JSON | st.text() | st.from_regex("[0-9a-f]{64}"))
def test_nothing_is_signed_by_chance(payload: object, signature: object):
    assert not signing.is_signed_job(KEY, payload, signature)


@given(
    pattern=st.text(alphabet="ab01.*+?()[]{}|^$\\dw,-", max_size=14),
    text=st.text("ab01", max_size=8),
)
def test_a_pattern_is_refused_or_means_what_it_means_everywhere(pattern: str, text: str):
    try:
        fits = patterns.matches(pattern, text)
    except patterns.PatternError:
        return
    assert fits == bool(re.fullmatch(pattern, text, re.ASCII | re.DOTALL))


@given(raw=st.binary(max_size=3000))
@example(raw=b"")
@example(raw=b"\0" * 1024)
def test_any_bytes_as_an_archive_are_unpacked_or_refused(raw: bytes):
    _unpack(raw)


@given(
    names=st.lists(
        st.sampled_from(
            ["a", "a/b", "..", "../x", "/etc/x", "a/../../x", ".", "", "a//b", "a/./b"]
        )
        | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
        max_size=4,
    ),
    kinds=st.lists(st.sampled_from([*tarfile.REGULAR_TYPES, tarfile.SYMTYPE, tarfile.DIRTYPE])),
    flips=st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=6),
)
@example(names=["a", "a"], kinds=[tarfile.REGTYPE, tarfile.DIRTYPE], flips=[])
@example(names=["a", "a"], kinds=[tarfile.DIRTYPE, tarfile.REGTYPE], flips=[])
@example(names=["a", "a/b"], kinds=[tarfile.REGTYPE], flips=[])
def test_no_archive_writes_outside_its_folder(
    names: list[str], kinds: list[bytes], flips: list[tuple[int, int]]
):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for number, name in enumerate(names):
            made = tarfile.TarInfo(name)
            made.type = kinds[number % len(kinds)] if kinds else tarfile.REGTYPE
            made.linkname, made.size = "/etc", 3 if made.isreg() else 0
            tar.addfile(made, io.BytesIO(b"abc"))
    raw = bytearray(sink.getvalue())
    for place, value in flips:
        raw[place % len(raw)] = value
    _unpack(bytes(raw))


@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_file_of_state_is_read_as_an_object_or_as_none(raw: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.json"
        path.write_bytes(raw)
        assert isinstance(store.read(path), dict | None)


def _order(payload: str) -> job.Order | None:
    try:
        raw = job.parse_payload(payload)
        job.parse_ticket(raw)
        job.parse_expiry(raw)
        return job.parse_order(raw)
    except (RefusedError, UnusableError):
        return None


def _unpack(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        around = Path(name)
        (around / "p.tar").write_bytes(raw)
        with contextlib.suppress(RefusedError):
            packages.unpack(around / "p.tar", around / "in")
        assert {path.name for path in around.iterdir()} <= {"p.tar", "in"}
        assert not [path for path in around.rglob("*") if path.is_symlink()]
