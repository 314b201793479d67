"""What a plan says of results that exist: new, whole, or to be trained again, and why."""

from __future__ import annotations

import json

import pytest

from afn.study.code import memory
from afn.study.code.fingerprint import modules_of, run_fingerprint
from afn.study.code.modules import digests
from afn.study.layout import StudyFolders
from afn.study.state.inventory import inventory
from tests.records import write_run


@pytest.fixture
def study(small, load, tmp_path, monkeypatch):
    loaded = load({**small, "seeds": 8})
    monkeypatch.chdir(tmp_path)
    return loaded


def write(study, run, **changes) -> None:
    made_by = {"fingerprint": run_fingerprint(run.cell), "spec": run.cell.spec(), **changes}
    write_run(StudyFolders(study.name).result(run).parent, run.path, **made_by)


def remembered(study, cell, **changed) -> str:
    """The name of a remembered fingerprint in which some modules were others."""
    folder = StudyFolders(study.name).codes
    folder.mkdir(parents=True, exist_ok=True)
    modules = {**digests(modules_of(cell)), **changed}
    (folder / "0ld.json").write_text(json.dumps(modules))
    return "0ld"


def test_nothing_exists_and_then_all(study):
    assert inventory(study) == ["results: 0 exist, 48 new"]
    for run in study.runs():
        write(study, run)
    assert inventory(study) == ["results: 48 exist, 0 new"]


def test_a_change_is_told_by_the_part_that_uses_it(study):
    runs = [run for run in study.runs() if run.cell.norm == "afn"]
    changed = {"afn.normalization.methods.afn": "0", "gone.module": "1"}
    for run in runs:
        write(study, run, fingerprint=remembered(study, run.cell, **changed))
    assert inventory(study) == [
        "results: 0 exist, 40 new, 8 would be trained again",
        "  8: norm afn changed (afn/normalization/methods/afn.py); no longer used (gone/module.py)",
    ]
    many = dict.fromkeys([m for m in digests(modules_of(runs[0].cell)) if ".loop." in m], "0")
    remembered(study, runs[0].cell, **many)
    (line,) = [line for line in inventory(study) if line.startswith("  8: ")]
    assert line.startswith("  8: training and testing changed (afn/training/loop/data.py, ")
    assert line.endswith(f" and {len(many) - 3} more)")


def test_other_settings_unknown_code_and_damage_are_told(study):
    first, second, third, *_ = study.runs()
    spec = json.loads(first.cell.spec())
    spec["recipe"]["lr"] = 0.5
    write(study, first, spec=spec)
    write(study, second, fingerprint="unknown")
    write(study, third, status="stopped")
    assert inventory(study) == [
        "results: 0 exist, 45 new, 3 would be trained again",
        "  1: other settings (recipe.lr: 0.5 became 0.001)",
        "  1: made by code of which no list is kept",
        "  1: the result has status 'stopped', not finished or diverged",
    ]


def test_the_modules_of_every_fingerprint_are_remembered_once(study):
    folder = StudyFolders(study.name).codes
    memory.remember(study.cells(), folder)
    names = {f"{run_fingerprint(cell)}.json" for cell in study.cells()}
    assert {path.name for path in folder.iterdir()} == names
    cell = study.cells()[0]
    assert memory.recalled(folder, run_fingerprint(cell)) == digests(modules_of(cell))
    damaged = folder / f"{run_fingerprint(cell)}.json"
    damaged.write_text("{")
    assert memory.recalled(folder, run_fingerprint(cell)) is None
    memory.remember(study.cells(), folder)
    assert memory.recalled(folder, run_fingerprint(cell)) == digests(modules_of(cell))
