"""Looks at a study in waves on made-up runs: who is trained further, what is decided and frozen."""

from __future__ import annotations

import json

import pytest

from afn.common.made_from import read_document
from afn.study.state.made import made_findings
from afn.study.waves.asked import asked_runs, read_look
from afn.study.waves.record import read_record
from analysis.decisions.waves.looks import Looks
from tests.analysis.waves import STUDY, Small, accuracy

CLEAR, LATER, HARDLY = "afn | batch", "afn | asr", "afn | batch_instance"


def family(look: dict, number: int = 0) -> dict[str, dict]:
    """The comparisons of a look by their arms."""
    found = look["families"][number]["comparisons"]
    return {" | ".join(c["name"].split(" | ")[4:]): c for c in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The study from wave to wave until nobody needs another, and its decisions."""
    small = Small(tmp_path_factory.mktemp("whole"))
    looks = small.run()
    return small, looks, small.decide()


def test_only_cells_that_an_open_comparison_needs_are_trained_further(whole):
    small, looks, _ = whole
    first = family(looks[0])
    assert first[CLEAR]["verdict"] == "superior"
    assert first[LATER]["verdict"] is first[HARDLY]["verdict"] is None
    norms = {path.split("/")[2] for path in looks[0]["next"]}
    assert norms == {"afn", "asr", "batch_instance"}
    assert len(looks[0]["next"]) == 6
    runs = asked_runs(small.study, small.results)
    assert len(runs) == 5 * (10 + sum(len(look["next"]) for look in looks[:-1]))
    assert len(runs) < len(list(small.study.runs()))


def test_what_is_decided_is_frozen(whole):
    _, looks, _ = whole
    first = family(looks[0])[CLEAR]
    assert all(family(look)[CLEAR] == first for look in looks)
    assert looks[-1]["next"] == []


def test_a_look_that_is_taken_again_has_the_same_bytes(whole, tmp_path):
    small, looks, _ = whole
    for wave in range(1, len(looks) + 1):
        path = small.look(wave)
        before = path.read_bytes()
        path.unlink()
        assert small.take(wave) == 0
        assert path.read_bytes() == before
    record = read_record(small.study, small.results)
    assert all(len(hashes) == 1 for hashes in record.taken.values())


def test_decisions_are_those_of_the_looks(whole):
    _, looks, decisions = whole
    last = family(looks[-1])
    pooled = {f"{d['a']} | {d['b']}": d for d in decisions if d["primary"]}
    assert pooled.keys() == last.keys()
    for name, d in pooled.items():
        c = last[name]
        assert d["verdict"] == c["verdict"]
        assert (d["look"], d["stopped"]) == (c["frozen"], c["reason"])
        assert d["n"] == c["looks"][-1]["n"] == len(d["differences"])
        assert d["ci"] == d["ci_repeated"] == c["looks"][-1]["interval"]
        assert d["p"] == d["p_sequential"] == min(x["reached"] for x in c["looks"])
        assert d["estimate_median_unbiased"] == c["estimate_median_unbiased"]
        assert len(d["path"]) == d["looks"] == len(c["looks"])
        assert d["family_size"] == 3
        assert d["heterogeneity"]["p"] is None
    assert pooled[CLEAR]["n"] == 5
    assert pooled[LATER]["n"] > 5
    assert pooled[CLEAR]["p_adjusted"] == pytest.approx(max(3 * pooled[CLEAR]["p"], 0), abs=1e-12)


def test_backbones_are_decided_on_the_pairs_of_their_pooled_comparison(whole):
    _, _, decisions = whole
    for d in decisions:
        if d["experiment"] == "norms" and d["backbone"] != "pooled":
            pooled = next(
                e for e in decisions if e["primary"] and (e["a"], e["b"]) == (d["a"], d["b"])
            )
            assert d["n"] == pooled["n"]
            assert d["ci_repeated"] is not None
            # Repeated intervals are wider than those of a fixed number of pairs.
            assert d["ci_repeated"][1] - d["ci_repeated"][0] > 0


def test_what_is_not_primary_is_decided_on_the_first_wave(whole):
    _, _, decisions = whole
    explored = [d for d in decisions if d["experiment"] == "ratios"]
    assert len(explored) == 4
    assert {d["n"] for d in explored} == {5}
    assert all(d["look"] is d["looks"] is d["ci_repeated"] is None for d in explored)
    assert all("first wave" in d["notes"][-1] for d in explored)


def test_trends_are_taken_on_the_first_wave(whole):
    small, _, _ = whole
    ablations = read_document(small.results / "ablations.json", "ablations")["ablations"]
    assert [trend["n"] for trend in ablations["trends"]] == [5]
    counted = {c["norm"]: c["n"] for c in ablations["divergence"] if c["backbone"] == "resnet8"}
    assert counted["batch"] == 5 < counted["afn"]


def test_a_result_that_changes_after_a_look_is_told(tmp_path, monkeypatch):
    small = Small(tmp_path)
    small.run(until=2)
    monkeypatch.chdir(tmp_path)
    assert made_findings(small.study) == []
    cell = next(c for c in small.study.cells() if c.norm == "asr" and c.backbone == "resnet8")
    small.score = lambda *what: accuracy(*what) + 3.0
    small.train(cell, 1)
    findings = made_findings(small.study)
    assert len(findings) == 2
    assert all("made from other results" in line for line in findings)
    assert small.take(1) == 0
    assert len(read_record(small.study, small.results).taken[1]) == 2


def test_a_run_that_diverges_makes_it_a_sign_flip(tmp_path):
    small = Small(tmp_path)
    small.train_wave(1)
    cell = next(c for c in small.study.cells() if c.norm == "afn" and c.backbone == "resnet8")
    small.train(cell, 2, status="diverged", reason="loss is nan", evaluations=[])
    assert small.take(1) == 0
    found = family(read_look(small.look(1)))
    assert found[CLEAR]["verdict"] is None, "five signs cannot reject at this look"
    assert found[CLEAR]["looks"][0]["test"] == "exact sign-flip"


@pytest.mark.long
def test_equivalence_holds_on_every_backbone_or_not_at_all(tmp_path):
    """+0.65 on one and -0.67 on the other is no equivalence, whatever the mean is."""

    def score(norm, backbone, seed):
        lift = 0.9 if backbone == "resnet8" else -0.9
        return 87.0 + 0.05 * accuracy(norm, backbone, seed) * 0.01 + lift * (norm == "afn")

    small = Small(tmp_path, score=score)
    small.run(until=2)
    found = family(read_look(small.look(2)))
    assert found[LATER]["verdict"] is None
    low, high = found[LATER]["looks"][-1]["interval_equivalence"]
    assert -0.5 < low <= high < 0.5
    assert len(found[LATER]["looks"][-1]["intervals_by_block"]) == 2


@pytest.mark.long
def test_a_contrast_added_later_is_a_family_of_its_own(tmp_path):
    small = Small(tmp_path)
    before = family(small.run(until=1)[0])
    experiments = json.loads(json.dumps(STUDY["experiments"]))
    experiments["norms"]["contrasts"].append(["batch_instance", "batch"])
    small.declare({"experiments": experiments})
    assert small.take(1) == 0
    look = read_look(small.look(1))
    assert family(look) == before
    (late,) = family(look, 1).values()
    assert late["looks"][0]["n"] == 5
    small.train_wave(2)
    assert small.take(2) == 0
    decided = Looks.read(small.study, small.results)
    assert decided.record.families[1].since == 1


@pytest.mark.long
def test_seeds_behind_the_last_look_are_answered_by_e_values(tmp_path):
    few = {"seeds": {"wave": 5, "at_most": 10, "effect": 1.0, "futility": False}}
    few["plan"] = STUDY["plan"] | {"margin": 0.2, "strict": False}
    small = Small(tmp_path, few)
    looks = small.run()
    assert looks[-1]["wave"] == 2
    undecided = [name for name, c in family(looks[-1]).items() if c["verdict"] == "undecided"]
    assert undecided
    small.declare(few | {"seeds": few["seeds"] | {"at_most": 20}})
    assert small.take(1) == 0
    assert small.take(2) == 0
    assert read_look(small.look(2))["next"], "what the last look left open goes on"
    small.train_wave(3)
    assert small.take(3) == 0
    late = read_look(small.look(3))
    assert family(late) == family(looks[-1]), "what the plan has decided stays"
    assert {name.split(" | ", 4)[4] for name in late["unplanned"]} == set(undecided)
    assert all(x["n"] == 15 for x in late["unplanned"].values())


def test_a_look_without_its_runs_is_refused(tmp_path, capsys):
    small = Small(tmp_path)
    small.train_wave(1)
    path = next(small.results.rglob("batch/*/seed3/result.json"))
    path.unlink()
    assert small.take(1) == 2
    assert "seed3" in capsys.readouterr().err
    assert not small.look(1).exists()


def test_decisions_before_the_last_look_are_refused(tmp_path, capsys):
    small = Small(tmp_path)
    small.run(until=1)
    small.train_wave(2)
    with pytest.raises(AssertionError):
        small.decide()
    assert "this look was not taken" in capsys.readouterr().err
