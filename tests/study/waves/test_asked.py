"""Which runs a study in waves has asked for, and what may not change after its first look."""

from __future__ import annotations

import json

import pytest

from afn.common.errors import StudyError
from afn.common.made_from import enclosed
from afn.study.grid.selection import select
from afn.study.state.made import made_findings
from afn.study.state.progress import Progress, matrix
from afn.study.state.verify import verify
from afn.study.waves.asked import LOOK, asked, asked_runs, look_file
from afn.study.waves.family import members
from afn.study.waves.record import (
    Record,
    begun,
    check_waves,
    read_record,
    record_file,
    write_record,
)

WAVES = {"wave": 3, "at_most": 9}
AFN, BATCH = (f"digits8x8/resnet8/{norm}/plain+epochs=2" for norm in ("afn", "batch"))


@pytest.fixture
def study(small, load):
    plan = small["plan"] | {"strict": False}
    return load(small | {"seeds": WAVES, "plan": plan})


def look(results, wave: int, *cells: str) -> None:
    path = look_file(results, wave)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"wave": wave, "seeds": 3 * wave, "next": list(cells), "families": [], "read": []}
    path.write_text(json.dumps(enclosed(LOOK, content, {})))


def test_every_cell_has_the_first_wave_and_a_look_gives_the_next(study, tmp_path):
    every = [cell.path for cell in study.cells()]
    assert asked(study, tmp_path) == {path: [0, 1, 2] for path in every}
    look(tmp_path, 1, AFN, BATCH)
    look(tmp_path, 2, AFN)
    wanted = asked(study, tmp_path)
    assert wanted.pop(AFN) == list(range(9))
    assert wanted.pop(BATCH) == list(range(6))
    assert set(map(tuple, wanted.values())) == {(0, 1, 2)}
    runs = asked_runs(study, tmp_path)
    assert len(runs) == 9 + 6 + 3 * (len(every) - 2)
    look_file(tmp_path, 1).unlink()
    assert len(asked_runs(study, tmp_path)) == 3 * len(every), "a later look alone asks for nothing"


def test_a_changed_look_is_refused(study, tmp_path):
    look(tmp_path, 1, AFN)
    path = look_file(tmp_path, 1)
    path.write_text(path.read_text().replace("afn", "asr"))
    with pytest.raises(StudyError, match="was changed after it was written; make it again"):
        asked(study, tmp_path)


def test_a_fixed_number_of_seeds_asks_for_all(small, load, tmp_path):
    study = load(small)
    assert asked_runs(study, tmp_path) == list(study.runs())


def test_only_runs_that_were_asked_for_are_selected(study, tmp_path):
    runs = asked_runs(study, tmp_path)
    assert len(select(study, "norm == 'afn'", runs)) == 3
    with pytest.raises(StudyError, match="no look has asked for those that it names"):
        select(study, "norm == 'afn' and seed == 7", runs)


def test_status_and_verify_know_what_was_asked_for(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    progress = Progress(study)
    cells = len(study.cells())
    assert progress.line() == f"small: 0/{3 * cells} runs by look 1 of 3 at most"
    look("results/small", 1, AFN)
    states = progress.states()
    assert len(states) == 3 * cells + 3
    rows = matrix(study, states).splitlines()
    drawn = {row.split()[0]: row.split()[1:] for row in rows[: len(study.cells())]}
    assert drawn[AFN] == ["...", "...", "---"]
    assert drawn[BATCH] == ["...", "---", "---"]
    assert "- not asked for" in rows[-1]
    whole, findings, _ = verify(study)
    assert (whole, len(findings)) == (0, 3 * cells + 3)
    look("results/small", 2)
    assert progress.line().startswith(f"small: 0/{3 * cells + 3} runs, ended at look 2 of 3")
    # A damaged look ends nothing: what was asked for before holds, and verify goes on.
    damaged = look_file("results/small", 1)
    damaged.write_text(damaged.read_text().replace("afn", "asr"))
    assert progress.line().startswith(f"small: 0/{3 * cells + 3} runs")
    assert len(verify(study)[1]) == 3 * cells
    assert any(line.startswith(f"changed: {damaged}") for line in made_findings(study))


def taken(study, results) -> Record:
    record = begun(study).noted(1, {"a": 1.0})
    write_record(record, results)
    return record


def test_what_was_declared_stays(small, load, study, tmp_path):
    before = taken(study, tmp_path)
    assert read_record(study, tmp_path) == before
    plan = study.file.plan.model_dump() | {"margin": 2.0}
    later = load(small | {"seeds": WAVES, "plan": plan})
    with pytest.raises(StudyError, match=r"plan.margin = 2.0: 1 look .* taken with 1.0; a plan is"):
        check_waves(later, tmp_path)
    plan = small["plan"] | {"strict": False}
    later = load(small | {"seeds": WAVES | {"boundary": "pocock"}, "plan": plan})
    with pytest.raises(StudyError, match=r"seeds.boundary = 'pocock'"):
        check_waves(later, tmp_path)


def test_at_most_may_be_raised_by_whole_waves(small, load, study, tmp_path):
    before = taken(study, tmp_path)
    plan = small["plan"] | {"strict": False}
    later = load(small | {"seeds": WAVES | {"at_most": 12}, "plan": plan})
    assert read_record(later, tmp_path).looks == before.looks == (3, 6, 9)
    odd = load(small | {"seeds": WAVES | {"at_most": 8}, "plan": plan})
    with pytest.raises(StudyError, match=r"seeds.at_most = 8: .*nearest valid: at_most: 9 or"):
        check_waves(odd, tmp_path)


def test_comparisons_that_come_later_are_a_family_of_their_own(small, load, study, tmp_path):
    before = taken(study, tmp_path)
    small["experiments"]["norms"]["contrasts"].append(["afn", "layer"])
    plan = small["plan"] | {"strict": False}
    later = load(small | {"seeds": WAVES, "plan": plan})
    found = read_record(later, tmp_path)
    assert found.families[0] == before.families[0]
    names = [m.name for m in members(later) if m.b == "layer"]
    assert list(found.families[1].members) == names
    assert len(names) == 2
    assert found.families[1].since == 1


def test_before_the_first_look_everything_may_change(small, load, study, tmp_path):
    write_record(begun(study), tmp_path)
    plan = small["plan"] | {"strict": False, "margin": 2.0}
    later = load(small | {"seeds": {"wave": 4, "at_most": 8}, "plan": plan})
    assert read_record(later, tmp_path) == begun(later)


def test_looks_on_other_results_are_counted(study):
    record = begun(study).noted(1, {"a": 1.0}).noted(1, {"a": 1.0})
    assert len(record.taken[1]) == 1
    assert len(record.noted(1, {"a": 2.0}).taken[1]) == 2


def test_a_changed_record_is_refused(study, tmp_path):
    taken(study, tmp_path)
    path = record_file(tmp_path)
    path.write_text(path.read_text().replace('"alpha": 0.05', '"alpha": 0.5'))
    with pytest.raises(StudyError, match="was changed after it was written"):
        read_record(study, tmp_path)
