"""Seeds in waves as they are written: waves, looks, and what is refused."""

from __future__ import annotations

import re

import pytest

from afn.common.errors import StudyError
from afn.study.plan.checks import family_size
from afn.study.waves.family import members

WAVES = {"wave": 5, "at_most": 30}


def test_waves_and_looks(small, load):
    study = load(small | {"seeds": WAVES})
    assert study.seeds == list(range(30))
    assert study.looks == (5, 10, 15, 20, 25, 30)
    assert study.waves == [list(range(start, start + 5)) for start in range(0, 30, 5)]
    assert len(list(study.runs())) == 30 * len(study.cells())


def test_the_last_wave_may_be_smaller(small, load):
    study = load(small | {"seeds": {"wave": 5, "at_most": 12}})
    assert study.looks == (5, 10, 12)
    assert study.waves[-1] == [10, 11]


def test_a_number_of_seeds_stays_one_wave_without_looks(small, load):
    study = load(small)
    assert (study.looks, study.waves) == ((), [list(range(8))])
    assert load(small | {"seeds": [9, *range(8)]}).waves == [[9, *range(8)]]


def test_a_study_in_waves_is_read_back_as_it_was(small, load, tmp_path):
    from afn.study.loading import load_resolved

    study = load(small | {"seeds": WAVES | {"futility": False, "effect": 0.5}})
    path = tmp_path / "study.json"
    path.write_text(study.to_json())
    assert load_resolved(path).file == study.file


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ({"wave": 5}, "seeds.at_most: is missing"),
        ({"wave": 5, "at_mots": 30}, "did you mean 'at_most'"),
        ({"wave": 2, "at_most": 30}, "seeds.wave = 2: Input should be greater than or equal to 3"),
        ({"wave": 5, "at_most": 4}, "at_most (4) is less than one wave (5)"),
        ({"wave": 3, "at_most": 200}, "nearest valid: wave: 10"),
        (WAVES | {"boundary": "obrien"}, "seeds.boundary = 'obrien'"),
        (WAVES | {"effect": 0}, "seeds.effect = 0"),
        (0, "seeds = 0"),
        ([], "seeds = []"),
        ([1, 1], "seeds are distinct"),
        ("five", "seeds = 'five'"),
    ],
)
def test_what_is_refused(small, load, seeds, told):
    with pytest.raises(StudyError) as caught:
        load(small | {"seeds": seeds})
    message = str(caught.value)
    assert told in message
    assert re.search(r"study\.yaml:\d+: seeds", message)
    assert "kind-" not in message


def test_waves_are_counted_in_seeds(small, load):
    plan = small["plan"] | {"estimand": "population_of_backbones", "strict": False}
    with pytest.raises(StudyError, match=r"plan.estimand: .*seeds in waves"):
        load(small | {"seeds": WAVES, "plan": plan})


def test_looks_have_no_boundary_for_a_split_of_every_seed(small, load):
    base = small["base"] | {"task": {"name": "digits8x8", "split": "per_seed"}}
    plan = small["plan"] | {"target": "data_like_these", "strict": False}
    with pytest.raises(StudyError, match=r"plan.target: data_like_these has no boundary"):
        load(small | {"seeds": WAVES, "base": base, "plan": plan})


def test_what_was_searched_once_ends_no_wave(small, load):
    search = {"space": {"recipe.lr": [0.001, 0.01]}, "trials": 4, "per": ["norm"]}
    tuned = small["experiments"]["norms"] | {"search": search}
    experiments = small["experiments"] | {"tuned": tuned}
    plan = small["plan"] | {"primary": ["norms", "tuned"], "strict": False}
    study = load(small | {"seeds": WAVES, "experiments": experiments, "plan": plan})
    assert {member.experiment for member in members(study)} == {"norms"}
    assert len(members(study)) == family_size(study)
    with pytest.raises(StudyError, match=r"seeds: .*no primary contrast"):
        load(
            small
            | {"seeds": WAVES, "experiments": experiments, "plan": plan | {"primary": ["tuned"]}}
        )


def test_waves_need_something_to_decide(small, load):
    experiments = {"ratios": small["experiments"]["ratios"]}
    plan = small["plan"] | {"primary": []}
    with pytest.raises(StudyError, match=r"seeds: .*no primary contrast"):
        load(small | {"seeds": WAVES, "experiments": experiments, "plan": plan})
