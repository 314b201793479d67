"""Halving without training: rungs, slots, promotion, records, and what samplers see of them."""

import copy
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from afn.common.errors import StudyError
from afn.common.run_folder import write_result
from afn.search.__main__ import main
from afn.search.promotion import promote
from afn.search.sampling import propose, rebuild
from afn.study.layout import StudyFolders
from afn.study.loading import study_from_mapping
from afn.study.plan.cost import describe_cost
from afn.study.plan.describe import describe_plan, headline
from afn.study.search.groups import SearchGroup
from afn.study.search.halving import check_trials, rung_epochs, slots
from afn.study.search.trials import trial_runs
from afn.study.state.eta import EpochSeconds
from afn.study.state.progress import Progress
from tests.search.test_search import STUDY, write_trial


def study(epochs=12, halving=None, **search):
    mapping = copy.deepcopy(STUDY)
    mapping["base"]["recipe"]["epochs"] = epochs
    own = {"trials": 18, "width": 9, "halving": halving or {"factor": 3, "rungs": 3}}
    mapping["experiments"]["tuned"]["search"].update({**own, **search})
    return study_from_mapping(mapping, "study")


@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 400), st.integers(0, 400))
def test_rungs_grow_and_slots_shrink(factor, rungs, more_epochs, more_trials):
    least = factor ** (rungs - 1)
    epochs = rung_epochs(least + more_epochs, factor, rungs)
    assert epochs[0] >= 1
    assert epochs[-1] == least + more_epochs
    assert all(a < b for a, b in pairwise(epochs))
    check_trials(least + more_trials, least + more_trials, factor, rungs)
    places = slots(least + more_trials, factor, rungs)
    assert places[-1] >= 1
    assert all(a > b for a, b in pairwise(places))


@given(
    st.dictionaries(
        st.integers(0, 99), st.none() | st.sampled_from([10.0, 20.0, 30.0, 90.5]), min_size=1
    ),
    st.integers(1, 12),
    st.sampled_from(["accuracy", "loss"]),
    st.randoms(),
)
def test_the_best_are_promoted_whatever_the_order(values, places, metric, random):
    group = study(metric=metric).searches()[0]
    scores = [(number, {"value": value}) for number, value in values.items()]
    # The rate of all trials is the default one, so that they are equally near to it.
    params = {number: {"recipe.lr": 1e-3} for number in values}
    promoted = promote(group, dict(scores), places, params)
    random.shuffle(scores)
    assert promote(group, dict(scores), places, params) == promoted
    alive = {number: value for number, value in values.items() if value is not None}
    assert len(promoted) == min(places, len(alive))
    sign = 1 if metric == "accuracy" else -1
    key = {number: (-sign * value, number) for number, value in alive.items()}
    assert [key[number] for number in promoted] == sorted(key.values())[: len(promoted)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 4, "trials": 12}, "width .4.: .*needs 9 trials.*width: 9, or rungs: 2"),
        ({"trials": 20}, "trials .20.: .*leaves 2 for the last; .*trials: 18 or 27"),
        ({"epochs": 5}, "search.halving: .* need 9 epochs.* is 5; .*recipe.epochs: 9, or rungs: 2"),
        ({"halving": {"factor": 1}}, "halving.factor"),
        ({"halving": {"facto": 3}}, "facto"),
        ({"space": {"recipe.epochs": [9, 12]}}, "space.recipe.epochs: halving decides"),
    ],
)
def test_mistakes_are_named_with_the_nearest_valid_value(change, message):
    with pytest.raises(StudyError, match=message):
        study(**change)


def test_plan_headline_and_cost_count_what_is_trained():
    halved = study()
    group = halved.searches()[0]
    assert group.rungs == [1, 4, 12]
    assert [group.slots(number) for number in (0, 1)] == [[9, 3, 1], [9, 3, 1]]
    # Two rounds of 9 x 1 + 3 x 3 + 1 x 8 = 26 epochs.
    assert sum(run.epochs for run in trial_runs(group).values()) == 52
    assert len(trial_runs(group)) == 26
    assert SearchGroup.from_json(group.to_json()) == group
    assert "18 to epoch 1, 6 to epoch 4, 2 to epoch 12" in describe_plan(halved)
    assert "after 36 trials of searches (halving saves 76 % of their epochs)" in headline(halved)
    mapping = copy.deepcopy(STUDY)
    mapping["base"]["recipe"]["epochs"] = 12
    mapping["experiments"]["tuned"]["search"]["trials"] = 18
    whole = study_from_mapping(mapping, "study")
    assert "halving" not in headline(whole) + describe_plan(whole)

    def amount(study):
        return float(describe_cost(study).split()[1])

    # 12 runs of cells beside 36 trials, and 104 of their 432 epochs.
    assert amount(halved) / amount(whole) == pytest.approx((12 + 36 * 104 / 432) / 48, rel=0.05)


def test_progress_counts_rungs_and_the_epochs_that_they_add(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    halved = study()
    progress = Progress(halved, [])
    assert ", 0/52 rungs of trials" in progress.line()
    path = "digits8x8/convnet_small/afn/tuned.round001.rung2.slot000/seed1000000"
    result = StudyFolders("tiny").trials / path / "result.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    assert ", 1/52 rungs of trials" in progress.line()
    assert path not in progress.open_trials()
    assert progress.trials[path].epochs == 8


def test_the_time_left_goes_down_on_every_rung(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # An epoch a second, whatever is trained.
    monkeypatch.setattr(EpochSeconds, "of", lambda self, cell: 1.0)
    monkeypatch.setattr(Progress, "_recent", lambda self: ([("any/seed0", 1.0)], 1.0))
    progress = Progress(study(), [])
    assert progress.line().endswith("ETA 1:44")
    progress.layout.ledger.mkdir(parents=True)
    cell = "digits8x8/convnet_small/afn/tuned"

    def left(trial: str, event: str, epoch: int) -> str:
        line = {"time": 1.0, "run": f"{cell}.{trial}/seed1000000", "event": event, "epoch": epoch}
        with (progress.layout.ledger / "a.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        progress.states()
        return progress.line().rpartition("ETA ")[2]

    assert left("trial003", "epoch", 1) == "1:43"
    result = progress.layout.trials / f"{cell}.trial003/seed1000000/result.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    assert left("trial003", "stopped", 1) == "1:43"
    # Which trial fills a slot of the second rung (to epoch 4) stands in a file.
    slot = progress.layout.results / f"search/tuned/afn/specs/{cell}.round000.rung1.slot000.json"
    slot.parent.mkdir(parents=True)
    slot.write_text(json.dumps({"cell": None}))
    assert left("trial003", "resume", 1) == "1:43"
    slot.write_text(json.dumps({"cell": f"{cell}.trial003", "spec": {}}))
    assert left("trial003", "resume", 1) == "1:43"
    assert left("trial003", "epoch", 2) == "1:42"
    assert left("trial003", "epoch", 4) == "1:40"


class Round:
    """A round whose trainings are made up: ``values[trial]`` per rung, None where it diverges."""

    def __init__(self, folder, group, values):
        self.group, self.values = group, values
        self.folder, self.runs = folder / "search" / group.path, folder / "search" / "runs"
        self.given = ["--group", group.to_json(), "--folder", str(self.folder)]

    def step(self, command, *more):
        runs = ["--runs", str(self.runs)] if command in ("promote", "record") else []
        where = [] if command == "choose" else ["--round", "0"]
        assert main([command, *self.given, *runs, *where, *more]) == 0

    def held(self, rung, slot):
        """The trial that a slot holds, by the file that its training reads."""
        if rung == 0:
            return slot
        (cell,) = self.group.cells
        path = self.folder / "specs" / f"{self.group.slot_cell(cell, 0, rung, slot)}.json"
        held = json.loads(path.read_text())
        if held["cell"] is None:
            return None
        number = int(held["cell"][-3:])
        first = json.loads((self.folder / "specs" / f"{held['cell']}.json").read_text())
        assert held["spec"] == first
        return number

    def train(self, rung):
        (cell,) = self.group.cells
        for slot in range(self.group.slots(0)[rung]):
            number = self.held(rung, slot)
            folder = self.runs / self.group.slot_cell(cell, 0, rung, slot) / "seed1000000"
            if number is None:
                write_result(folder, {"status": "empty", "epochs": 0}, {})
                continue
            value = self.values[number][rung]
            trial = self.group.trial_cell(cell, number)
            spec = json.loads((self.folder / "specs" / f"{trial}.json").read_text())
            last = rung == len(self.group.rungs) - 1
            made = {"epochs": self.group.rungs[rung], "train_seconds": 1.0}
            made["status"] = "diverged" if value is None else "finished" if last else "stopped"
            made |= {} if value is None else {"accuracy": value}
            write_trial(self.group, folder, f"{trial}/seed1000000", spec, **made)

    def run(self):
        self.step("propose")
        for rung in range(len(self.group.rungs)):
            if rung:
                self.step("promote", "--rung", str(rung))
            self.train(rung)
        self.step("record")
        self.step("choose")
        return json.loads((self.folder / "chosen.json").read_text())


def a_round(folder, values):
    group = study(trials=9).searches()[1]
    return Round(folder, group, values).run()


def test_a_round_records_where_each_trial_stopped(tmp_path):
    values = [[0.1 + number / 20] * 3 for number in range(9)]
    values[8] = [None] * 3
    values[7] = [0.8, None, None]
    values[3] = [values[6][0], 0.95, 0.99]  # as good as 6, and before it
    found = a_round(tmp_path, values)
    trials = found["trials"]
    assert found["halving"] == {"factor": 3, "rungs": 3, "epochs": [1, 4, 12]}
    assert [trial["state"] for trial in trials] == (
        ["pruned"] * 3 + ["complete"] + ["pruned"] * 3 + ["diverged"] * 2
    )
    assert [trial["rung"] for trial in trials] == [0, 0, 0, 2, 0, 0, 1, 1, 0]
    assert [trial["epochs"] for trial in trials] == [1, 1, 1, 12, 1, 1, 4, 4, 1]
    assert trials[3]["rung_values"] == [40.0, 95.0, 99.0]
    assert trials[7]["rung_values"] == [80.0, None]
    assert (trials[7]["value"], trials[8]["value"]) == (None, None)
    assert found["chosen"] == {"number": 3, "value": 99.0, "params": trials[3]["params"]}
    assert found["budget"]["epochs"] == 26


def test_where_the_last_rung_diverges_the_furthest_trial_is_chosen(tmp_path):
    values = [[0.9 - number / 20, 0.5 + number / 100, None] for number in range(9)]
    found = a_round(tmp_path, values)
    assert [trial["state"] for trial in found["trials"][:3]] == ["pruned", "pruned", "diverged"]
    # Trials 0 and 1 reached the second rung alive; 1 was better there.
    assert (found["chosen"]["number"], found["chosen"]["value"]) == (1, 51.0)


def test_empty_slots_where_all_diverge(tmp_path):
    found = a_round(tmp_path, [[None] * 3] * 9)
    assert found["chosen"] is None
    assert {(t["state"], t["rung"], t["epochs"]) for t in found["trials"]} == {("diverged", 0, 1)}
    assert found["budget"]["epochs"] == 9


def test_samplers_see_stopped_trials(tmp_path):
    values = [[0.1 + number / 20] * 3 for number in range(8)] + [[None] * 3]
    trials = a_round(tmp_path, values)["trials"]
    group = study(sampler="tpe").searches()[1]
    seen = rebuild(group, trials, None).trials
    assert [t.state for t in seen] == [TrialState.PRUNED] * 7 + [
        TrialState.COMPLETE,
        TrialState.PRUNED,
    ]
    assert seen[7].intermediate_values == {1: 45.0, 4: 45.0, 12: 45.0}
    assert (seen[6].intermediate_values, seen[8].intermediate_values) == ({1: 40.0, 4: 40.0}, {})
    group = study(sampler="gp").searches()[1]
    seen = rebuild(group, trials, None).trials
    assert [t.value for t in seen] == [10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 10.0]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "qmc", "random"])
def test_proposals_after_halving_are_the_same_on_replay(tmp_path, sampler):
    values = [[0.1 + number / 20] * 3 for number in range(8)] + [[None] * 3]
    trials = a_round(tmp_path, values)["trials"]
    group = study(sampler=sampler).searches()[1]
    first = propose(group, 1, trials)
    assert first == propose(group, 1, trials[::-1])
    assert [trial["number"] for trial in first] == list(range(9, 18))
