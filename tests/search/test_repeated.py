"""Repeated searches without training: what is paired between methods, and what differs."""

import copy
import json

import pytest

from afn.common.errors import StudyError
from afn.search.__main__ import main
from afn.search.choice import best, distance, finalists
from afn.search.sampling import propose
from afn.study.code.fingerprint import run_fingerprint
from afn.study.loading import study_from_mapping
from afn.study.plan.checks import family_size, primary_experiments
from afn.study.plan.describe import headline
from afn.study.plan.purchase import searched_width
from afn.study.search.groups import SearchGroup, chosen_spec, spec_of
from afn.study.search.trials import trial_runs
from tests.records import write_run
from tests.search.test_search import STUDY


def study(seeds=10, plan=None, **search):
    mapping = copy.deepcopy(STUDY)
    mapping["seeds"] = seeds
    mapping["experiments"]["tuned"]["search"].update({"repeats": 5, **search})
    if plan:
        mapping["experiments"]["tuned"]["contrasts"] = [["afn", "batch"]]
        mapping["plan"] = plan
    return study_from_mapping(mapping, "study")


def of(whole, label, repeat):
    return next(g for g in whole.searches() if (g.label, g.repeat) == (label, repeat))


def test_every_search_has_winners_of_its_own_and_the_studys_seeds_are_dealt_out():
    whole = study()
    assert len(whole.searches()) == 10
    dealt = {cell.recipe: whole.seeds_of(cell) for cell in whole.cells()}
    assert dealt == {f"tuned.search{r}": [2 * r, 2 * r + 1] for r in range(5)}
    assert len(list(whole.runs())) == 20
    assert {cell.pooled_recipe for cell in whole.cells()} == {"tuned"}
    assert "10 winners of searches x 2 seeds, after 80 trials" in headline(whole)


def test_final_seeds_go_on_where_the_studys_do_not_suffice():
    whole = study(seeds=[3, 8], final_seeds=1)
    assert [whole.seeds_of(cell) for cell in whole.cells()[::2]] == [[3], [8], [9], [10], [11]]


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "random"])
def test_methods_share_the_random_proposals_and_seeds_of_a_search(sampler):
    whole = study(sampler=sampler, finalists={"count": 2, "seeds": 3})
    rates = {}
    for repeat in range(5):
        batch, afn = (of(whole, label, repeat) for label in ("batch", "afn"))
        assert (batch.seeds, batch.final_seeds) == (afn.seeds, afn.final_seeds)
        # AFN has a key more, and yet the same rates.
        drawn = [[t["params"]["recipe.lr"] for t in propose(g, 0, [])] for g in (batch, afn)]
        assert drawn[0] == drawn[1]
        rates[repeat] = tuple(drawn[0])
    assert len(set(rates.values())) == 5
    used = [of(whole, "afn", r).seeds + of(whole, "afn", r).final_seeds for r in range(5)]
    assert len({seed for own in used for seed in own}) == 5 * (1 + 3)


def test_another_seed_of_the_searches_draws_others():
    first, second = (of(study(seed=seed), "afn", 0) for seed in (0, 1))
    assert propose(first, 0, []) != propose(second, 0, [])
    assert not set(first.seeds) & {s for r in range(5) for s in of(study(seed=1), "afn", r).seeds}


def test_a_trial_of_repeated_searches_divides_by_its_seed_and_a_single_search_does_not():
    group = of(study(), "afn", 2)
    cell = next(iter(group.cells))
    assert json.loads(group.trial_spec(cell, {}))["split"] == "seed"
    assert "split" not in json.loads(group.spec(cell, {}))
    alone = study(repeats=1).searches()[0]
    assert "split" not in json.loads(alone.trial_spec(next(iter(alone.cells)), {}))
    assert SearchGroup.from_json(group.to_json()) == group


@pytest.mark.parametrize("seed", [0, 1])
def test_more_searches_leave_the_first_ones_as_they_are(seed):
    few, more = (study(seeds=12, final_seeds=2, repeats=count, seed=seed) for count in (5, 6))
    for repeat in range(5):
        assert of(few, "afn", repeat) == of(more, "afn", repeat)
        assert propose(of(few, "afn", repeat), 0, []) == propose(of(more, "afn", repeat), 0, [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"repeats": 0}, "repeats"),
        ({"repeats": 1, "final_seeds": 2}, "give repeats"),
        ({"finalists": {"count": 9}}, "finalists.count .9. are more than trials"),
        ({"final_seeds": 1_000_000_000}, "final_seeds"),
        ({"finalists": {"count": 2, "seeds": 1_000_000_000}}, "finalists.seeds"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(StudyError, match=message):
        study(**change)


def test_an_experiment_may_not_bear_the_name_of_a_search():
    mapping = copy.deepcopy(STUDY)
    mapping["experiments"]["tuned"]["search"]["repeats"] = 2
    mapping["experiments"]["tuned.search1"] = {"factors": {"norm": ["batch"]}}
    with pytest.raises(StudyError, match=r"tuned\.search1"):
        study_from_mapping(mapping, "study")


def test_after_one_search_nothing_is_primary_and_after_several_the_search_is_the_unit():
    plan = {"outcomes": ["clean"], "primary": ["tuned"], "strict": True}
    assert primary_experiments(study(repeats=1, plan=plan)) == []
    with pytest.raises(StudyError, match=r"search.repeats: with 5 searches"):
        study(plan=plan)
    six = study(plan=plan, repeats=6, seeds=12)
    assert primary_experiments(six) == ["tuned"]
    assert family_size(six) == 1


def scored(group, values):
    """Records of complete trials: number -> (value, rate)."""
    params = lambda rate: {"recipe.lr": rate, "norm.lambda_init": -3}  # noqa: E731
    return [
        {
            "number": n,
            "state": "complete",
            "rung": 0,
            "value": v,
            "values": [v],
            "params": params(x),
        }
        for n, (v, x) in values.items()
    ]


def test_of_equal_scores_the_settings_nearest_to_the_default_are_chosen():
    group = study(repeats=1).searches()[1]
    found = scored(group, {0: (98.0, 0.1), 1: (98.0, 0.0011), 2: (98.0, 0.002), 3: (97.0, 0.001)})
    assert distance(group, found[0]["params"]) == pytest.approx(2 / 3, abs=1e-8)
    assert best(group, found)["number"] == 1
    far = {**found[1], "params": {**found[1]["params"], "norm.lambda_init": -5}}
    assert best(group, [found[0], far, found[2]])["number"] == 2


def test_the_finalist_with_the_best_mean_over_all_its_trainings_wins():
    group = study(repeats=1, finalists={"count": 2, "seeds": 2}).searches()[1]
    found = scored(group, {0: (98.0, 0.1), 1: (99.0, 0.01), 2: (97.0, 0.002)})
    assert [t["number"] for t in finalists(group, found)] == [1, 0]
    again = {
        1: {"value": 90.0, "values": [90.0, 90.0]},
        0: {"value": 97.0, "values": [97.0, 97.0]},
    }
    assert best(group, found, again)["number"] == 0
    assert best(group, found, again)["value"] == pytest.approx((98 + 97 + 97) / 3, abs=1e-6)
    # One that diverged again is chosen only if all did.
    lost = {"value": None, "values": [None, 97.0]}
    assert best(group, found, {**again, 0: lost})["number"] == 1
    assert best(group, found, {0: lost, 1: lost})["number"] == 1


def test_finalists_are_trained_and_counted(tmp_path):
    whole = study(trials=4, width=4, repeats=2, finalists={"count": 2, "seeds": 2})
    group = of(whole, "afn", 1)
    (cell,) = group.cells
    assert cell.endswith("/tuned.search1")
    folder, runs = tmp_path / "search" / group.path, tmp_path / "search" / "runs"
    given = ["--group", group.to_json(), "--folder", str(folder)]
    assert main(["propose", *given, "--round", "0"]) == 0

    def write(name, trial, seed, accuracy):
        spec = json.loads((folder / "specs" / f"{trial}.json").read_text())
        place, made_by = f"{trial}/seed{seed}", run_fingerprint(whole.cell(cell))
        own = {"accuracy": accuracy, "fingerprint": made_by}
        write_run(runs / name / f"seed{seed}", place, spec, **own)

    for number in range(4):
        trial = group.trial_cell(cell, number)
        write(trial, trial, group.seeds[0], 0.9 + number / 100)
    assert main(["record", *given, "--runs", str(runs), "--round", "0"]) == 0
    assert main(["finalists", *given]) == 0
    slot = json.loads((folder / "specs" / f"{group.final_cell(cell, 0)}.json").read_text())
    assert slot["cell"] == group.trial_cell(cell, 3)
    assert slot["spec"]["split"] == "seed"
    for place, accuracy in ((0, 0.8), (1, 0.95)):
        for seed in group.final_seeds:
            trial = group.trial_cell(cell, 3 - place)
            write(group.final_cell(cell, place), trial, seed, accuracy)
    assert main(["choose", *given]) == 2  # without --runs
    assert main(["choose", *given, "--runs", str(runs)]) == 0
    found = json.loads((folder / "chosen.json").read_text())
    assert found["chosen"]["number"] == 2
    assert (found["repeat"], found["budget"]["epochs"]) == (1, 2 * 4 + 2 * 4)
    assert [entry["number"] for entry in found["finalists"]] == [3, 2]
    paths = trial_runs(group)
    assert len(paths) == 4 + 4
    assert sum(run.epochs for run in paths.values()) == 16


@pytest.mark.parametrize("content", ["", "[1]", '{"task": ', "\udcff"])
def test_a_damaged_chosen_specification_is_none(tmp_path, content):
    cell = next(c for c in study().cells() if c.search)
    path = chosen_spec(tmp_path, cell.search, cell.path)
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert spec_of(cell, tmp_path) is None


def test_a_plan_says_what_few_searches_cover():
    def told(**search):
        whole = study(**search)
        return "\n".join(searched_width(whole.experiments["tuned"], whole.plan))

    final = {"count": 3, "seeds": 2}
    assert "add finalists" in told(repeats=5)
    assert "5 searches with finalists covers about .93; 8 are safer" in told(
        repeats=5, finalists=final
    )
    assert "fewer than 5 searches" in told(repeats=3, finalists=final)
    assert "misleads" not in told(repeats=8, finalists=final, seeds=16)
