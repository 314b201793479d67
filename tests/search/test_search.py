"""Groups, proposals, records and the choice of a search, without training."""

import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afn.common.errors import StudyError
from afn.search.__main__ import main
from afn.search.domains import at
from afn.search.sampling import propose
from afn.study.code.fingerprint import run_fingerprint
from afn.study.loading import study_from_mapping
from afn.study.search.groups import SearchGroup, chosen_spec, spec_of
from afn.study.state.trials import cell_of, choice_findings, trial_results
from tests.records import write_run

STUDY = {
    "study": "tiny",
    "question": "q",
    "seeds": 6,
    "base": {"task": "digits8x8", "backbone": "convnet_small", "recipe": {"epochs": 2}},
    "experiments": {
        "tuned": {
            "factors": {"norm": ["batch", "afn"]},
            "search": {
                "space": {"recipe.lr": {"log": [1e-4, 0.1]}, "norm.lambda_init": [-1, -3, -5]},
                "trials": 8,
                "width": 2,
                "per": ["norm"],
            },
        }
    },
}
CONDITIONAL = {
    "recipe.optimizer": ["adam", "sgd"],
    "recipe.momentum": {"uniform": [0.8, 0.99], "when": {"recipe.optimizer": "sgd"}},
}


def study(**search):
    mapping = copy.deepcopy(STUDY)
    mapping["experiments"]["tuned"]["search"].update(search)
    return study_from_mapping(mapping, "study")


def records(trials):
    scored = [(t, 90 - abs(t["params"]["recipe.lr"] - 0.01)) for t in trials]
    return [{**trial, "state": "complete", "value": value} for trial, value in scored]


def write_trial(group, folder, run, spec, **made):
    """The result of a trial, by the present code."""
    code = run_fingerprint(cell_of(group, next(iter(group.cells))))
    write_run(folder, run, spec, fingerprint=code, **made)


def test_a_key_that_a_norm_lacks_is_dropped_and_cells_bear_the_experiments_name():
    batch, afn = study().searches()
    assert batch.dropped == ("norm.lambda_init",)
    assert afn.dropped == ()
    assert list(afn.cells) == ["digits8x8/convnet_small/afn/tuned"]
    assert SearchGroup.from_json(afn.to_json()) == afn


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 1}, "fewer than width"),
        ({"per": ["nrom"]}, "no factor"),
        ({"space": {"recipe.lrr": {"log": [1e-4, 0.1]}}}, "nearest|lr"),
        ({"space": {"recipe.lr": {"log": [0.1, 1e-4]}}}, "low must be below high"),
        ({"space": {"recipe.lr": {"log": [0, 0.1]}}}, "above 0"),
        ({"space": {"recipe.lr": [0.1, -1]}}, "recipe.lr"),
        ({"space": {"recipe.lr": {"log": [1e-4, 0.1], "when": {"x": 1}}}}, "not in the space"),
        ({"sampler": "tpee"}, "sampler"),
        ({"sampler": "gp", "space": CONDITIONAL}, "recipe.momentum has a when; nearest valid: tpe"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(StudyError, match=message):
        study(**change)


@pytest.mark.parametrize(
    ("sampler", "drawn"),
    [
        ("tpe", ["random"] * 4 + ["tpe"] * 4),
        ("gp", ["random"] * 4 + ["gp"] * 4),
        ("qmc", ["qmc"] * 8),
        ("random", ["random"] * 8),
    ],
)
def test_the_same_records_give_the_same_proposals_in_any_order(sampler, drawn):
    group = study(sampler=sampler).searches()[1]
    done = []
    for number in range(4):
        first = propose(group, number, done)
        assert first == propose(group, number, done[::-1])
        done += records(first)
        if number % 2:
            # A diverged trial is seen by the rounds after it.
            done[-1].update(state="diverged", value=None)
    assert [trial["drawn"] for trial in done] == drawn
    # The Gaussian process may ask for the end of a range twice.
    assert len({trial["params"]["recipe.lr"] for trial in done}) >= 7


@pytest.mark.seconds
def test_samplers_learn_from_diverged_trials():
    """Where all rates above 0.01 diverge, later rounds propose few of them."""
    for sampler in ("tpe", "gp"):
        group = study(sampler=sampler, trials=24, width=4).searches()[0]
        done = []
        for number in range(6):
            for trial in propose(group, number, done):
                # What did not diverge says nothing of the rate.
                value = None if trial["params"]["recipe.lr"] > 0.01 else 90 + trial["number"] % 3
                state = "complete" if value else "diverged"
                done.append({**trial, "state": state, "value": value})
        last = [trial["state"] for trial in done[8:]]
        assert last.count("diverged") < 5, sampler


def test_sobol_points_go_on_from_round_to_round_and_fill_the_space():
    group = study(sampler="qmc", trials=16, width=4).searches()[1]
    drawn = [trial["params"] for r in range(4) for trial in propose(group, r, [])]
    assert len({trial["recipe.lr"] for trial in drawn}) == 16
    # Of 16 points of a Sobol sequence each sixteenth of a range holds one.
    cells = sorted(int(16 * (math.log10(trial["recipe.lr"]) + 4) / 3) for trial in drawn)
    assert cells == list(range(16))
    choices = [trial["norm.lambda_init"] for trial in drawn]
    assert min(map(choices.count, (-1, -3, -5))) >= 5


@given(
    low=st.integers(1, 50),
    span=st.integers(1, 50),
    step=st.integers(1, 7),
    log=st.booleans(),
    share=st.floats(0, 1),
)
def test_every_share_of_a_whole_number_domain_is_in_it(low, span, step, log, share):
    step = 1 if log else step
    domain = {"kind": "int", "low": low, "high": low + span, "log": log, "step": step}
    value = at(domain, share)
    assert low <= value <= low + span
    assert (value - low) % step == 0


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "random"])
def test_a_conditional_key_is_drawn_only_where_its_condition_holds(sampler):
    group = study(space=CONDITIONAL, trials=16, width=16, sampler=sampler).searches()[0]
    kinds = set()
    for trial in propose(group, 0, []):
        sgd = trial["params"]["recipe.optimizer"] == "sgd"
        assert ("recipe.momentum" in trial["params"]) == sgd
        kinds.add(sgd)
    assert kinds == {True, False}


@pytest.mark.parametrize("diverged", [False, True])
def test_the_best_trial_is_chosen_and_the_base_where_all_diverged(tmp_path, diverged):
    whole = study(trials=4, width=4)
    group, cell = whole.searches()[1], whole.cells()[1]
    folder, runs = tmp_path / "search" / group.path, tmp_path / "search" / "runs"
    given = ["--group", group.to_json(), "--folder", str(folder)]
    assert main(["propose", *given, "--round", "0"]) == 0
    for number in range(4):
        name = group.trial_cell(cell.path, number)
        spec = json.loads((folder / "specs" / f"{name}.json").read_text())
        made = {"status": "diverged" if diverged else "finished", "accuracy": number / 10}
        write_trial(group, runs / name / "seed1000000", f"{name}/seed1000000", spec, **made)
    assert main(["record", *given, "--runs", str(runs), "--round", "0"]) == 0
    assert spec_of(cell, tmp_path) is None
    assert main(["choose", *given]) == 0
    found = json.loads((folder / "chosen.json").read_text())
    spec = json.loads(chosen_spec(tmp_path, group.path, cell.path).read_text())
    assert found["budget"]["epochs"] == 8
    results = list(trial_results(group, runs, lambda task: None))
    assert list(choice_findings(group, tmp_path, results)) == []
    chosen_at = chosen_spec(tmp_path, group.path, cell.path)
    text = chosen_at.read_text()
    chosen_at.write_text(text.replace('"lr":', '"lr":1'))
    (told,) = choice_findings(group, tmp_path, results)
    assert told.startswith(f"changed: {chosen_at}: is not what {folder / 'chosen.json'} chooses")
    chosen_at.write_text(text)
    found["trials"][1]["values"] = [99.9]
    (folder / "chosen.json").write_text(json.dumps(found))
    (told,) = choice_findings(group, tmp_path, results)
    assert "trial 1 has other scores than its results" in told
    found["trials"][1]["values"] = [None]
    if diverged:
        assert found["chosen"] is None
        assert [trial["value"] for trial in found["trials"]] == [None] * 4
        assert spec["recipe"]["lr"] == 1e-3
    else:
        assert found["chosen"]["number"] == 3
        assert spec["recipe"]["lr"] == found["chosen"]["params"]["recipe.lr"]


def test_a_trial_whose_result_was_changed_is_not_ranked(tmp_path, capsys):
    group = study(trials=1, width=1).searches()[1]
    (cell,) = group.cells
    folder, runs = tmp_path / "search" / group.path, tmp_path / "search" / "runs"
    given = ["--group", group.to_json(), "--folder", str(folder)]
    assert main(["propose", *given, "--round", "0"]) == 0
    own = runs / group.trial_cell(cell, 0) / "seed1000000"
    trial = group.trial_cell(cell, 0)
    spec = json.loads((folder / "specs" / f"{trial}.json").read_text())
    write_trial(group, own, f"{trial}/seed1000000", spec)
    record = ["record", *given, "--runs", str(runs), "--round", "0"]
    assert main(record) == 0
    path = own / "result.json"
    path.write_text(path.read_text().replace('"accuracy": 0.5', '"accuracy": 0.9'))
    assert main(record) == 2
    assert f"{path}: the result was changed after it was written" in capsys.readouterr().err
    write_trial(group, own, f"{trial}/seed1000001", spec)
    assert main(record) == 2
    assert "the result is of another run" in capsys.readouterr().err
    faster = {**spec, "recipe": {**spec["recipe"], "lr": 0.5}}
    write_trial(group, own, f"{trial}/seed1000000", faster)
    assert main(record) == 2
    assert "made from other settings (recipe.lr: 0.5 became " in capsys.readouterr().err
    write_run(own, f"{trial}/seed1000000", spec, fingerprint="other")
    assert main(record) == 2
    assert "made from other code (other, now " in capsys.readouterr().err
