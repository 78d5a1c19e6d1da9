"""The agent as it is shipped: one file, standard library only, for the Python of old guests."""

import ast
import configparser
import sys
import zipfile
from pathlib import Path

import pytest
from tools import build_agent

SOURCES = sorted(build_agent.SOURCE.glob("*.py"))


def test_same_sources_give_the_same_bytes(tmp_path: Path):
    digests = {build_agent.build(tmp_path / name) for name in ("a.pyz", "b.pyz")}
    assert len(digests) == 1
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {f"stead_agent/{path.name}" for path in SOURCES} | {
        "__main__.py",
        "stead_agent/stead-agent.service",
    } == set(names)


def test_zipapp_over_its_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(build_agent, "SIZE_LIMIT", 1000)
    with pytest.raises(ValueError, match="larger"):
        build_agent.build(tmp_path / "a.pyz")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_module_parses_with_python_3_9(path: Path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_module_imports_the_standard_library_only(path: Path):
    roots = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").split(".")[0])
    assert roots <= sys.stdlib_module_names | {"stead_agent"}


def test_unit_starts_early_and_always_again():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read(build_agent.SOURCE / "stead-agent.service", encoding="utf-8")
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["ExecStart"].endswith("/stead-agent.pyz run")
    assert "network-online.target" not in unit["Unit"].get("After", "")
    assert int(unit["Service"]["TimeoutStopSec"]) > 25
