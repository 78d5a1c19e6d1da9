"""What the code declares agrees with itself: errors, actions, layers."""

import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import stead
from stead.core.authz import Action
from stead.core.errors import HTTP_STATUS, Kind, SteadError
from stead.entrypoints.client import EXIT_CODES

ROOT = Path(stead.__file__).parents[2]
# From the top to the bottom; those that do not exist yet are left out of the contract.
ORDER = """
    bootstrap entrypoints migrations platform|gitops billing observability|security|webhooks
    fleet|bundles deployments templates|exposure|backups|access|buckets|mailrelay instances
    network|storage sources catalog infra|agents identity audit|notify operations engines|edge
    ui|core kit
"""


def all_errors() -> list[type[SteadError]]:
    for module in pkgutil.walk_packages(stead.__path__, "stead."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    found: list[type[SteadError]] = []
    waiting = [SteadError]
    while waiting:
        below = waiting.pop().__subclasses__()
        found += below
        waiting += below
    return [error for error in found if error.__module__.startswith("stead.")]


def test_every_error_has_a_code_of_its_own_and_a_kind():
    errors = all_errors()
    codes = [error.code for error in errors]
    assert len(codes) > 20
    assert sorted(codes) == sorted(set(codes))
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", code) for code in codes)
    assert all(error.kind in Kind for error in errors)


def test_every_kind_has_a_status_and_every_status_an_exit_code():
    assert set(HTTP_STATUS) == set(Kind)
    assert set(HTTP_STATUS.values()) - set(EXIT_CODES) <= {413}


def test_every_action_is_asked_for_somewhere():
    source = "".join(
        path.read_text()
        for path in (ROOT / "src").rglob("*.py")
        if path.name not in {"authz.py", "policy.py"}
    )
    unused = [action.name for action in Action if f"Action.{action.name}" not in source]
    assert unused == []


def test_layers_are_in_the_order_of_the_architecture():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    top = next(one for one in contracts["contracts"] if one["id"] == "top")
    ranks = {name: rank for rank, tier in enumerate(ORDER.split()) for name in tier.split("|")}
    listed = [[name.strip() for name in tier.split("|")] for tier in top["layers"]]
    unplanned = {name for tier in listed for name in tier} - ranks.keys()
    assert unplanned == set(), "give it a place in ORDER above"
    found = [ranks[name] for tier in listed for name in tier]
    assert found == sorted(found), (
        "put the layers of contract top in pyproject.toml as ORDER has them"
    )
    packages = {path.name for path in (ROOT / "src/stead").iterdir() if path.is_dir()}
    missing = packages - {"__pycache__"} - {name for tier in listed for name in tier}
    assert missing == set(), "name it in the layers of contract top in pyproject.toml"


def contract(name: str) -> dict[str, list[str]]:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found: dict[str, list[str]] = next(one for one in whole["contracts"] if one["id"] == name)
    return found


def test_every_domain_and_every_command_is_under_its_contracts():
    layers = {name.strip() for tier in contract("top")["layers"] for name in tier.split("|")}
    below = {"engines", "edge", "ui", "core", "kit"}
    domains = {
        f"stead.{name}" for name in layers - below - {"bootstrap", "entrypoints", "migrations"}
    }
    assert domains ^ {*contract("inside")["containers"]} == set(), (
        "name it in the containers of contract inside in pyproject.toml"
    )
    forbidden = {*contract("cli-is-a-client")["forbidden_modules"]}
    assert domains - forbidden == set(), (
        "name it in what contract cli-is-a-client forbids in pyproject.toml"
    )
    files = (ROOT / "src/stead/entrypoints").glob("*commands.py")
    commands = {f"stead.entrypoints.{path.stem}" for path in files}
    assert commands - {*contract("cli-is-a-client")["source_modules"]} == set(), (
        "name it in the sources of contract cli-is-a-client in pyproject.toml"
    )
