from pathlib import Path

import pytest
from tests.unit.catalog.builders import SCRIPT, asked, folder, text

from stead.catalog import loader, records, views
from stead.catalog.errors import PackageError
from stead.catalog.loader import load, load_package
from stead.catalog.records import Record


def provable(place: Path) -> Path:
    path = folder(place, inputs=[asked("title", default="A")])
    (path / "proof.yml").write_bytes(text({"change": {"title": "B"}, "stop": ["demo.service"]}))
    (path / "proof").mkdir()
    for name in ("changed.sh", "write.sh", "read.sh"):
        (path / "proof" / name).write_text(SCRIPT)
    return path


def record(package: loader.Package, **changes: object) -> Record:
    assert package.proof is not None
    return Record.model_validate(
        {
            "package": "demo",
            "version": "1.0.0",
            "digest": package.digest,
            "proof": package.proof.digest,
            "date": "2026-01-02",
            "system": "debian 12",
            "result": "proven",
            "seconds": {"install": 1.5, "total": 20.0},
            **changes,
        }
    )


def test_a_package_is_called_tested_by_its_own_digest_alone(tmp_path: Path):
    path = provable(tmp_path)
    assert load([tmp_path]).get("demo").tested is None
    records.append(tmp_path, record(load_package(path)))
    found = load([tmp_path]).get("demo").tested
    assert found is not None
    assert (found.date, found.seconds["install"]) == ("2026-01-02", 1.5)
    (path / "install.sh").write_text(SCRIPT + "true\n")
    assert load([tmp_path]).get("demo").tested is None


def test_another_proof_makes_it_untested(tmp_path: Path):
    path = provable(tmp_path)
    records.append(tmp_path, record(load_package(path)))
    (path / "proof" / "read.sh").write_text(SCRIPT + "true\n")
    assert load([tmp_path]).get("demo").tested is None


def test_a_package_that_nobody_can_prove_says_why_until_somebody_has(tmp_path: Path):
    with (provable(tmp_path) / "proof.yml").open("a") as terms:
        terms.write("unproven: its vendor is out of reach\n")
    package = load([tmp_path]).get("demo")
    assert package.unproven == "its vendor is out of reach"
    assert views.card(package).badge.label == "Not proven"
    records.append(tmp_path, record(package))
    package = load([tmp_path]).get("demo")
    assert package.unproven is None
    assert views.card(package).badge.label == "Tested"


@pytest.mark.parametrize("result", ["failed", "impossible"])
def test_the_last_run_counts(tmp_path: Path, result: str):
    package = load_package(provable(tmp_path))
    records.append(tmp_path, record(package))
    records.append(tmp_path, record(package, result=result, reason="no"))
    found = load([tmp_path]).get("demo")
    assert found.tested is None
    assert found.record is not None
    assert found.record.reason == "no"


@pytest.mark.parametrize("damage", ["", "{", "[{}]", '[{"package": 1}]', "x" * 100])
def test_damaged_records_cost_the_badge_and_nothing_else(tmp_path: Path, damage: str):
    provable(tmp_path)
    (tmp_path / records.FILE).write_text(damage)
    catalog = load([tmp_path])
    assert catalog.get("demo").tested is None
    assert not catalog.broken


def test_the_report_shows_every_run_and_no_cell_breaks_its_table(tmp_path: Path):
    package = load_package(provable(tmp_path))
    bad = record(package, result="failed", reason="a | b\nc", notes=["keeps nothing"])
    told = records.render([record(package), bad])
    rows = [line for line in told.splitlines() if line.startswith("| demo")]
    assert len(rows) == 2
    assert "| proven | 1.5 |" in rows[0]
    assert "failed: a / b c" in rows[1]
    assert {row.count("|") for row in rows} == {told.count("---|") + 1}


def test_what_proves_a_package_is_not_sent_to_guests(tmp_path: Path):
    package = load_package(provable(tmp_path / "one"))
    plain = load_package(folder(tmp_path / "two", inputs=[asked("title", default="A")]))
    assert package.proof is not None
    assert sorted(package.proof.files) == ["proof/changed.sh", "proof/read.sh", "proof/write.sh"]
    assert package.digest == plain.digest


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ({"change": {"missing": 1}, "stop": ["x"]}, "proof.yml:2: missing is no input"),
        ({"change": {}, "stop": ["x"]}, "change"),
        ({"change": {"title": "B"}}, "stop is missing"),
        ({"change": {"title": "B"}, "stop": ["x"], "leftover": []}, "write leftovers"),
    ],
)
def test_a_proof_that_cannot_be_is_refused(tmp_path: Path, proof: dict[str, object], words: str):
    path = provable(tmp_path)
    (path / "proof.yml").write_bytes(text(proof))
    with pytest.raises(PackageError) as caught:
        load_package(path)
    assert words in str(caught.value)


def test_a_proof_needs_its_scripts(tmp_path: Path):
    path = provable(tmp_path)
    (path / "proof" / "read.sh").unlink()
    with pytest.raises(PackageError) as caught:
        load_package(path)
    assert "proof/read.sh: is missing" in str(caught.value)
